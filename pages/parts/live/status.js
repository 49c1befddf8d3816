// Draws credits, banners, the state of the hosts, and whether a list has changed.

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

const span = (...children) => make("span", {}, ...children)
const small = (...children) => make("p", { class: "small" }, ...children)
const button = (label, press) => make("button", { type: "button", onclick: press, text: label })
const figure = (value) => make("strong", { class: "figure", text: value === null ? "unknown" : number(value) })

function box(tone, symbol, text, pressed) {
  return make("div", { class: `box ${tone}`, role: "alert" }, icon(symbol), make("span", { class: "text", text }), pressed)
}

function picturesLeft({ resolution, credits, source }, free) {
  const count = credits && free !== null ? number(Math.floor(Math.max(0, free) / credits)) : "–"
  const price = credits === null ? "price unknown" : `${number(credits)} credits each`
  return make("div", { class: "left", title: source }, make("strong", { text: count }), span(` pictures in ${resolution}`), small(price))
}

const views = {
  balance: ({ balance, free, read_at, problem, prices }, _, { now, press }) => {
    const lefts = make("div", { class: "lefts" }, ...prices.map((price) => picturesLeft(price, free)))
    const read = read_at === null ? "There has been no reading yet." : `Read ${ago(read_at, now)}, at ${exact(read_at)}`
    const last = balance === null ? "" : " The figure above is the last one that is known."
    return [
      make("div", { class: "figures" }, make("p", { class: "total" }, figure(balance), " credits"), lefts),
      make("div", { class: "read" }, small(read), button("Refresh", () => press("refresh"))),
      problem && box("error", "sync_problem", problem.text + last),
      problem?.detail && small(problem.detail),
    ]
  },
  bar: ({ balance, read_at, problem, key, breaker, attention }, { account }, { now, press }) => {
    const waiting =
      breaker &&
      `Paused since ${breaker.since}: ${breaker.text}. Running pictures continue. ` +
        `Next retry ${breaker.try_at ?? "with the next picture"}.`
    const paid = `${attention} ${attention > 1 ? "pictures" : "picture"} may have been charged but ${attention > 1 ? "haven't" : "hasn't"} arrived.`
    const read = (balance !== null || !problem) && ` · ${read_at === null ? "not read yet" : `read ${ago(read_at, now)}`}`
    const failed = problem && span(" ", icon("sync_problem"), " The last lookup failed.")
    const badge = key && make("span", { class: "badge", text: "Sandbox" })
    return [
      make("p", { class: "credits" }, figure(balance), " credits", read, failed),
      key?.tone === "info" && make("p", { class: "sandbox" }, badge, make("span", { class: "why", text: key.text })),
      key?.tone === "error" && box("error", "key_off", key.text),
      breaker && box("warning", "pause_circle", waiting, button("Retry now", () => press("try-now"))),
      attention > 0 && !account && box("warning", "help", paid, button("Review", () => press("account"))),
    ]
  },
  money: ({ free, reserved }, { price, note }) => {
    if (note) return [small(note)]
    if (free === null) return [small("The balance is not known yet.")]
    const after = price === null ? "" : ` → ${number(free - price)} after`
    const waiting = reserved ? ` · ${number(reserved)} reserved` : ""
    return [small(`${number(Math.max(0, free))} available${after}${waiting}`)]
  },
  hosts: ({ hosts }, { labels }, { now }) =>
    hosts.map(({ url, problem, at }, index) => {
      const result = problem ? `does not answer (${problem}), ${ago(at, now)}` : `answers, ${ago(at, now)}`
      const state = at === null ? span("not checked yet") : span(icon(problem ? "error" : "check"), ` ${result}`)
      return make("p", { class: "host" }, span(labels[index]), span(url), state)
    }),
  integrity: ({ integrity: { is_checking, at, sentences } }, _, { now }) => {
    if (is_checking) return [small(icon("search"), " The files are being checked.")]
    if (at === null) return [small("“Check the files” compares every picture on the disk with the history. It costs nothing and deletes nothing.")]
    return [small(`Checked ${ago(at, now)}, at ${exact(at)}`), ...sentences.map((text) => make("p", { text }))]
  },
  news: ({ new: count, changed }, _, { press }) => {
    const text = count ? `${number(count)} new` : changed && "Something changed here"
    return text ? [make("div", { class: "new" }, span(text), button("Show", () => press("show")))] : []
  },
}

export default inOrder(({ data, setTriggerValue, parentElement }) => {
  const place = (parentElement.studioPlace ??= parentElement.appendChild(make("div", { class: data.view })))
  const press = (name) => setTriggerValue("press", name)
  let [row, askedAt, shown] = [null, 0, null]

  function draw() {
    if (!row) return
    const now = (row.now ?? 0) + (performance.now() - askedAt) / 1000
    const made = make("div", {}, ...views[data.view](row, data, { now, press }))
    const html = made.innerHTML
    // Replaced only if it differs, so that a pressed button is still the same when it is released.
    if (html !== shown) place.replaceChildren(...made.childNodes)
    shown = html
  }

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
})
