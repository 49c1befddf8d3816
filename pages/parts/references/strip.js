// The references of one tab: what the server knows of them, and what its person has changed since.
//
// The server's word is the truth. What was changed here stands on top of it until the server has heard of it: each message
// tells the whole order, and everything taken out that was not heard yet, so that one that is lost does no harm. It is a
// state and not a trigger, since now and then the browser drops a trigger that is set while a run ends; a state comes along
// with whatever is told next, so a press never goes without it.

function createTab() {
  const tab = { data: null, session: null, busy: false, reports: [], order: [], removed: [], sequence: 0, heard: 0 }
  let [told, stop] = [0, null]
  const found = new Map()

  const next = () => (tab.sequence = Math.max(tab.sequence + 1, Date.now()))

  function takeTruth(data, isNewPlace) {
    const isNewSession = data.session !== tab.session
    const unheard = tab.reports.filter(({ sequence }) => sequence > (isNewSession ? tab.heard : data.heard))
    if (isNewSession) {
      Object.assign(tab, { session: data.session, order: [], removed: [] })
      told = 0
    }
    tab.reports = unheard.map((report) => ({ ...report, session: data.session }))
    tab.removed = tab.removed.filter(({ sequence }) => sequence > data.heard)
    Object.assign(tab, { data, heard: data.heard })
    // The server forgets what a component on a page told that is no longer looked at.
    if ((isNewPlace || isNewSession) && tab.reports.length > 0) tab.port.setStateValue("reports", tab.reports)
    if (isNewPlace && tab.busy) tab.port.setStateValue("busy", true)
    if (isNewPlace && told > data.heard) tell(tab.order)
    // A picture may be checked again later: what was found before says nothing of it then.
    found.clear()
    look(data.items.filter(({ isWaiting }) => isWaiting).map(({ id }) => id))
  }

  // Of pictures that are still being checked, the server says itself what came of it.
  function look(ids) {
    stop?.()
    const learn = ({ items }) => {
      for (const { name, ...item } of items) if (!item.isWaiting) found.set(item.id, item)
      tab.view?.show()
    }
    const source = { url: "api/references", topics: ["references"], asked: { ids: ids.join() }, every: 5000 }
    stop = ids.length > 0 ? live.watch(source, learn) : null
  }

  // What is true, in the order that was wished for, without what was taken out since.
  function items() {
    const { heard } = tab.data
    const items = tab.data.items.map((item) => (item.isWaiting && found.has(item.id) ? { ...item, ...found.get(item.id) } : item))
    if (heard >= told) return items
    const gone = new Set(tab.removed.map(({ id }) => id))
    const place = ({ id }) => (tab.order.includes(id) ? tab.order.indexOf(id) : tab.order.length)
    return items.filter(({ id }) => !gone.has(id)).sort((one, other) => place(one) - place(other))
  }

  function tell(ids) {
    told = next()
    tab.order = ids
    tab.port.setStateValue("order", { ids, removed: tab.removed, sequence: told, session: tab.session })
  }

  function remove(id) {
    const left = items().filter((item) => item.id !== id)
    tab.removed.push({ id, sequence: next() })
    tell(left.map((item) => item.id))
  }

  function report(outcome) {
    tab.reports = [...tab.reports, { ...outcome, choice: tab.choice, sequence: next(), session: tab.session }]
    tab.port.setStateValue("reports", tab.reports)
  }

  function setBusy(busy) {
    tab.busy = busy
    if (busy) tab.choice = next()
    tab.port.setStateValue("busy", busy)
  }

  Object.assign(tab, { takeTruth, items, arrange: tell, remove, report, setBusy })
  return Object.assign(tab, { intake: createIntake(tab) })
}

function createView(tab, root) {
  const find = (selector) => root.querySelector(selector)
  const [adding, status, count, remarks] = [".adding", "output", ".count", ".remarks"].map(find)
  let before = null

  const say = (text) => (status.textContent = text)
  const strip = createStrip(tab, find(".strip"), { root, say, show })
  find(".stop").addEventListener("click", () => tab.intake.stop())

  function showAdding(row) {
    adding.hidden = !row
    setText(find(".what"), row?.text)
    const bar = find("progress")
    if (row?.part > 0 && row.part < 1) bar.value = row.part
    else bar.removeAttribute("value")
  }

  function show() {
    const items = tab.items()
    strip.show(items)
    find(".dock").classList.toggle("is-folded", tab.data.isFolded)
    setText(count, items.length > 0 ? `${items.length} of ${tab.data.limit}` : "")
    remarks.replaceChildren(...remarksOf(items).map(createRemark))
    announce(items)
  }

  function announce(items) {
    const known = new Map((before ?? items).map((item) => [item.id, item]))
    const told = items.flatMap((item, index) => {
      const more = [item.changed, item.problem].filter(Boolean).join(" ")
      if (!known.has(item.id)) return `${item.name} is reference ${index + 1} of ${items.length}. ${more}`
      return item.problem && item.problem !== known.get(item.id).problem ? `${item.name}: ${item.problem}` : []
    })
    before = items
    if (told.length > 0) say(told.join(" "))
  }

  listenToField(find("input"), tab.intake.take)
  const listen = () => listenToPage(find(".veil"), tab.intake.take)
  return { show, showAdding, say, listen }
}

// Each sentence once, with the numbers of the references that it is about.
function remarksOf(items) {
  const found = new Map()
  items.forEach(({ changed, problem }, index) => {
    for (const [text, isBad] of [[changed, false], [problem, true]]) {
      if (text) found.set(text, { text, isBad, numbers: [...(found.get(text)?.numbers ?? []), index + 1] })
    }
  })
  return [...found.values()]
}

function createRemark({ text, isBad, numbers }) {
  const marks = numbers.map((number) => make("b", { text: number }))
  const about = make("span", { class: "numbers", role: "img", "aria-label": `About reference ${numbers.join(", ")}` }, ...marks)
  const sign = icon(isBad ? "error" : "auto_fix_high")
  return make("li", { class: isBad ? "problem" : "" }, about, isBad && sign, make("span", { class: "text", text }))
}

export default function ({ data, setStateValue, parentElement }) {
  const tab = (window.studioReferences ??= createTab())
  const isNewPlace = !parentElement.studioView
  tab.port = { setStateValue }
  tab.takeTruth(data, isNewPlace)
  tab.view = parentElement.studioView ??= createView(tab, parentElement)
  tab.view.show()
  tab.intake.show()
  tab.leave?.()
  // The end of a call may come after the next one has begun, and must not end that.
  return (tab.leave = tab.view.listen())
}
