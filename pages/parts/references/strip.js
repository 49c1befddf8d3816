// The references of one tab. The browser stores the list over reloads, and sends it as a whole when it changes: as a component
// state, which Streamlit repeats with each message, so that no submission arrives without it. The server replaces the list with
// a new revision.

function createTab() {
  const tab = { data: null, port: null, view: null, busy: false, ids: read(REFERENCES) ?? [], notes: [] }
  const [names, known] = [new Map(), new Map()]
  let [session, revision, sent, receipt, stop] = [null, 0, [], null, null]

  function take(data, isNewPlace) {
    const isNewSession = data.session !== session
    const isReplaced = isNewSession ? data.revision > 0 : data.revision !== revision
    if (isReplaced) {
      // References that were added since the list was last sent are kept at the end.
      const added = tab.ids.filter((id) => !sent.includes(id))
      hold([...new Set([...data.ids, ...added])].slice(0, data.limit))
      ;[tab.notes, receipt] = [[], null]
    }
    ;[session, revision, sent] = [data.session, data.revision, data.ids]
    tab.data = data
    // Streamlit forgets the state of a component on a page that is no longer open.
    const isUnknown = tab.busy || tab.ids.join() !== data.ids.join()
    if (isUnknown && (isNewPlace || isNewSession || isReplaced)) send()
    follow()
  }

  function hold(ids) {
    tab.ids = ids
    write(REFERENCES, ids)
  }

  function send() {
    tab.port.setStateValue("chosen", { ids: tab.ids, receipt, busy: tab.busy, session, revision })
  }

  // Fetches thumbnails and problems, more often until all have been checked.
  function follow() {
    const isWaiting = items().some((item) => item.isWaiting)
    watch({ url: "api/references", topics: ["references"], params: { ids: tab.ids.join() }, every: isWaiting ? 5000 : 60_000 })
  }

  const watch = drawn((source) => {
    stop?.()
    stop = tab.ids.length > 0 ? live.watch(source, receive) : null
  })

  function receive(answer) {
    for (const item of answer.items) known.set(item.id, item)
    tab.view?.show()
    follow()
  }

  // The names of this tab's files are used: the same picture may be stored under another name.
  function items() {
    const blank = { name: "A picture", facts: "", isWaiting: true }
    return tab.ids.map((id) => ({ id, ...blank, ...known.get(id), ...(names.has(id) && { name: names.get(id) }) }))
  }

  function arrange(ids) {
    hold(ids)
    follow()
    send()
  }

  function remove(id) {
    tab.notes = []
    arrange(tab.ids.filter((other) => other !== id))
  }

  function add({ name, id, refusal, receipt: carried = null }) {
    const number = tab.ids.indexOf(id) + 1
    const reason = refusal ?? (number > 0 && `This is the same picture as number ${number}. Not added again.`)
    if (reason) tab.notes.push({ name, reason })
    else {
      names.set(id, name)
      receipt = carried
      arrange([...tab.ids, id])
    }
    tab.view.show()
    if (reason) tab.view.say(`${name}: ${reason}`)
  }

  function setBusy(busy) {
    tab.busy = busy
    // The notes about the last files are no longer needed.
    if (busy) tab.notes = []
    send()
  }

  Object.assign(tab, { take, items, arrange, remove, add, setBusy })
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
    remarks.replaceChildren(...remarksOf(items, tab.notes).map(createRemark))
    announce(items)
  }

  function announce(items) {
    const known = new Map((before ?? items).map((item) => [item.id, item]))
    const news = items.flatMap((item, index) => {
      const more = [item.changed, item.problem].filter(Boolean).join(" ")
      if (!known.has(item.id)) return `${item.name} is reference ${index + 1} of ${items.length}. ${more}`
      return item.problem && item.problem !== known.get(item.id).problem ? `${item.name}: ${item.problem}` : []
    })
    before = items
    if (news.length > 0) say(news.join(" "))
  }

  const listen = () => listenToPage(find(".veil"), tab.intake.take)
  return { show, showAdding, say, listen }
}

// Returns each remark once, with the names of its rejected files, or the numbers of its references.
function remarksOf(items, notes) {
  const found = new Map()
  function add(text, isBad, kind, about) {
    if (text && !found.has(text)) found.set(text, { text, isBad, names: [], numbers: [] })
    found.get(text)?.[kind].push(about)
  }
  for (const { name, reason } of notes) add(reason, true, "names", name)
  items.forEach(({ changed, problem }, index) => {
    add(changed, false, "numbers", index + 1)
    add(problem, true, "numbers", index + 1)
  })
  return [...found.values()]
}

function createRemark({ text, isBad, names, numbers }) {
  const marks = numbers.map((number) => make("b", { text: number }))
  const about = make("span", { class: "numbers", role: "img", "aria-label": `About reference ${numbers.join(", ")}` }, ...marks)
  const words = make("span", { class: "text", text: names.length > 0 ? `${names.join(", ")} — ${text}` : text })
  return make("li", { class: isBad ? "problem" : "" }, marks.length > 0 && about, isBad && icon("error"), words)
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const tab = (window.studioReferences ??= createTab())
  const isNewPlace = !parentElement.studioView
  tab.port = { setStateValue }
  tab.take(data, isNewPlace)
  tab.view = parentElement.studioView ??= createView(tab, parentElement)
  tab.view.show()
  tab.intake.show()
  if (isNewPlace) listenToField(parentElement.querySelector("input"), tab.intake.take)
  tab.leave?.()
  return (tab.leave = tab.view.listen())
})
