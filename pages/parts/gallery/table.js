// The table: one row for each job, with the keys and checkboxes of the grid.

const COLUMNS = ["Prompt", "State", "Credits", "Settings", "Person", "When"]

function createRow(gallery, key) {
  const prompt = make("span", {})
  const opener = make("button", { type: "button", class: "opener" }, prompt)
  const [thumb, short, badges] = [createCell("thumb"), make("p", { class: "short" }), make("span", { class: "signs" })]
  const facts = COLUMNS.slice(1).map((name) => createCell(name))
  const cellsOf = (check) => [createCell("tick", check), thumb, createCell("words", opener, short, badges), ...facts]

  // A click anywhere in the row opens it, except on the checkbox and while text is selected.
  function press(event) {
    if (!event.target.closest(".check") && getSelection().isCollapsed) gallery.pressItem(key, event)
  }

  // Not redrawn with each mark, so that a pressed element is still the same when it is released.
  const showSigns = drawn((src, symbol, marks) => {
    thumb.replaceChildren(src ? make("img", { src, alt: "", loading: "lazy", decoding: "async" }) : icon(symbol))
    badges.replaceChildren(...marks.map((badge) => icon(badge.icon)))
  })

  function show(element, item) {
    const known = new Map(item.facts)
    showSigns(ownPath(item.thumbnail), item.icon, item.badges)
    setText(prompt, item.prompt.replace(/\s+/g, " ").slice(0, 300))
    const credits = known.get("Credits")?.replace(/ credits?$/, "")
    const values = [item.label, credits, known.get("Settings"), known.get("Person"), item.at === null ? "" : shortTime(item.at)]
    facts.forEach((cell, index) => setText(cell, values[index]))
    facts[0].dataset.state = item.state
    setAttribute(facts.at(-1), "title", known.get("Asked"))
    setText(short, [item.label, item.meta, known.get("Person")].filter(Boolean).join(" · "))
    setAttribute(element, "title", item.problem?.text)
  }

  const item = createItem(gallery, key, "div", { class: "row", role: "row", onclick: press }, cellsOf, show)
  return { ...item, opener }
}

const createCell = (name, ...children) => make("div", { class: `cell ${name.toLowerCase()}`, role: "cell" }, ...children)

function createTable(list) {
  setAttribute(list, "role", "rowgroup")
  const heads = [["tick", "Selected"], ["thumb", "Picture"], ...COLUMNS.map((name) => [name.toLowerCase(), name])]
  const names = heads.map(([kind, text]) => make("div", { class: `cell ${kind}`, role: "columnheader" }, make("span", { text })))
  return make("div", { class: "table", role: "table", "aria-label": "Pictures" }, make("div", { class: "heads", role: "row" }, ...names), list)
}

// The time for today, else the date.
function shortTime(at) {
  const [then, now] = [new Date(at * 1000), new Date()]
  if (then.toDateString() === now.toDateString()) return then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
  const year = then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }
  return then.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year })
}
