// Draws what the server says of itself: credits, banners, hosts, and whether a list has changed.

function node(tag, name, ...children) {
  const made = document.createElement(tag)
  if (name) made.className = name
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return made
}

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 })
const exact = (at) => new Date(at * 1000).toLocaleString("sv-SE")

function ago(at, now) {
  const seconds = now - at
  if (seconds < 45) return "just now"
  if (seconds < 59.5 * 60) return `${Math.max(1, Math.round(seconds / 60))} min ago`
  if (seconds < 23.5 * 3600) return `${Math.round(seconds / 3600)} h ago`
  const days = Math.round(seconds / 86400)
  return days === 1 ? "yesterday" : `${days} days ago`
}

function sign(name) {
  const made = node("span", "icon", name)
  made.setAttribute("aria-hidden", "true")
  return made
}

function button(label, press, name = "") {
  const made = node("button", name, label)
  made.type = "button"
  made.addEventListener("click", press)
  return made
}

function box(tone, icon, text, pressed) {
  const made = node("div", `box ${tone}`, sign(icon), node("span", "text", text), pressed)
  made.setAttribute("role", tone === "info" ? "status" : "alert")
  return made
}

const small = (...children) => node("p", "small", ...children)

function picturesLeft({ resolution, credits, source }, free) {
  const count = credits && free !== null ? number(Math.floor(Math.max(0, free) / credits)) : "–"
  const made = node("div", "left", node("strong", "", count), node("span", "", ` pictures in ${resolution}`), small(credits === null ? "price unknown" : `${number(credits)} credits each`))
  made.title = source
  return made
}

const figure = (value) => node("strong", "figure", value === null ? "unknown" : number(value))

const views = {
  balance: ({ balance, free, read_at, problem, prices }, _, { now, press }) => [
    node("div", "figures", node("p", "total", figure(balance), " credits"), node("div", "lefts", ...prices.map((price) => picturesLeft(price, free)))),
    node(
      "div",
      "read",
      small(read_at === null ? "There has been no reading yet." : `Read ${ago(read_at, now)}, at ${exact(read_at)}`),
      button("Refresh", () => press("refresh")),
    ),
    problem && box("error", "sync_problem", balance === null ? problem.text : `${problem.text} The figure above is the last one that is known.`),
    problem?.detail && small(problem.detail),
  ],
  bar: ({ balance, read_at, problem, key, breaker, attention }, { account }, { now, press }) => {
    const waiting =
      breaker &&
      `Paused since ${breaker.since}: ${breaker.text}. Running pictures continue. ` +
        `Next retry ${breaker.try_at ?? "with the next picture"}.`
    const paid = `${attention} ${attention > 1 ? "pictures" : "picture"} may have been charged but ${attention > 1 ? "haven't" : "hasn't"} arrived.`
    const told = [
      balance !== null || !problem ? ` · ${read_at === null ? "not read yet" : `read ${ago(read_at, now)}`}` : "",
      problem && node("span", "lookup", " ", sign("sync_problem"), " The last lookup failed."),
    ].filter(Boolean)
    return [
      node("p", "credits", figure(balance), " credits", ...told),
      key && (key.tone === "info" ? node("p", "sandbox", node("span", "badge", "Sandbox"), node("span", "why", key.text)) : box("error", "key_off", key.text)),
      breaker && box("warning", "pause_circle", waiting, button("Retry now", () => press("try-now"))),
      attention > 0 && !account && box("warning", "help", paid, button("Review", () => press("account"))),
    ]
  },
  money: ({ free, held }, { price, note }) => {
    if (note) return [small(note)]
    if (free === null) return [small("The balance is not known yet.")]
    const after = price === null ? "" : ` → ${number(free - price)} after`
    const reserved = held ? ` · ${number(held)} reserved` : ""
    return [small(`${number(free)} available${after}${reserved}`)]
  },
  hosts: ({ hosts }, { labels }, { now }) =>
    hosts.map(({ url, problem, at }, index) => {
      const told = problem ? `does not answer (${problem}), ${ago(at, now)}` : `answers, ${at === null ? "" : ago(at, now)}`
      const mark = at !== null && sign(problem ? "error" : "check")
      return node("p", "host", node("span", "", labels[index]), node("span", "", url), node("span", "", mark, " ", at === null ? "not checked yet" : told))
    }),
  integrity: ({ integrity: { is_checking, at, sentences } }, _, { now }) => {
    if (is_checking) return [small(sign("search"), " The files are being checked.")]
    if (at === null) return [small("Compares every picture on the disk with the history. It costs nothing and deletes nothing.")]
    return [small(`Checked ${ago(at, now)}, at ${exact(at)}`), ...sentences.map((sentence) => node("p", "", sentence))]
  },
  news: ({ new: count, changed }, _, { press }) => {
    if (!count && !changed) return []
    const told = count ? `${number(count)} new` : "Something changed here"
    return [node("div", "news", node("span", "", told), button("Show", () => press("show")))]
  },
}

export default function ({ data, setTriggerValue, parentElement }) {
  const place = (parentElement.studioPlace ??= parentElement.appendChild(node("div", data.view)))
  const press = (name) => setTriggerValue("press", name)
  let [row, askedAt, drawn] = [null, 0, null]

  function draw() {
    if (!row) return
    const now = (row.now ?? 0) + (performance.now() - askedAt) / 1000
    const made = node("div", "", ...views[data.view](row, data, { now, press }))
    const word = made.innerHTML
    // A button under a finger stays the same button as long as it says the same.
    if (word !== drawn) place.replaceChildren(...made.childNodes)
    drawn = word
  }

  // Streamlit ends the last call only.
  place.leave?.()
  const stop = live.watch(data.source, (answer) => {
    ;[row, askedAt] = [answer, performance.now()]
    draw()
  })
  const ticking = setInterval(draw, 15_000)
  return (place.leave = () => {
    stop()
    clearInterval(ticking)
  })
}
