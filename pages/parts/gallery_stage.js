// The stage: takes the page's data, keeps what is already drawn, and tells the server what was pressed.

const KEPT_EVENTS = 16

function createStage(root) {
  const status = make("output", { class: "status", role: "status", "aria-live": "polite" })
  const groups = make("div", { class: "groups" })
  const empty = make("p", { class: "empty" })
  const views = { groups: new Map() }
  const stage = { data: null, selected: new Set(), comparing: [], closeMenu: null }
  let [sequence, events, session, ticking, hiding] = [0, [], null, null, null]

  // -- what it knows

  const keyOf = (group, item) => `${group.id}\n${item.id}`
  const entries = () => stage.data.groups.flatMap((group) => group.items.map((item) => ({ key: keyOf(group, item), item, group })))
  const find = (key) => stage.entries.find((entry) => entry.key === key)
  const openable = () => stage.entries.filter(({ item }) => stage.data.layout === "grid" || ownPath(item.thumbnail) || ownPath(item.picture))
  const viewOf = (key) => [...views.groups.values()].flatMap((group) => [...group.items.values()]).find((view) => view.key === key)

  // -- what it says

  function say(text, isSeen) {
    status.textContent = text
    clearTimeout(hiding)
    status.classList.toggle("is-seen", Boolean(isSeen))
    if (isSeen) hiding = setTimeout(() => status.classList.remove("is-seen"), 2500)
  }

  function announce(before) {
    if (!before) return
    const was = new Map(before.map(({ key, item }) => [key, item.state]))
    const changed = stage.entries.filter(({ key, item }) => was.has(key) && was.get(key) !== item.state)
    const words = changed.map(({ item }) => `${item.label}: ${item.prompt.slice(0, 80)}`)
    if (words.length > 3) say(`${words.length} pictures changed; ${stage.entries.filter(({ item }) => item.state === "done").length} are done.`)
    else if (words.length > 0) say(words.join(". "))
  }

  // -- what was pressed

  function press(action, context, event) {
    if (!context) return
    const { item, group, key } = context
    if (action.copy !== null && action.copy !== undefined) copy(action.copy)
    else if (action.id === "open" && key) open(key, event.currentTarget)
    else if (event.detail < 2) tell(action.id, item?.id ?? null, group.id)
  }

  // The second click of a double click is not a second wish. What a lost run did not hear comes with the next.
  function tell(action, item, group) {
    sequence = Math.max(sequence + 1, Date.now())
    events = [...events, { action, item, group, sequence, session }].slice(-KEPT_EVENTS)
    stage.setStateValue("events", events)
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text)
      say("Copied", true)
    } catch {
      say("The browser did not let it be copied. Nothing was spent: select the text and copy it by hand.", true)
    }
  }

  function open(key, from) {
    stage.closeMenu?.(false)
    stage.lightbox.open(key, from)
  }

  // -- how it is drawn

  function show(data) {
    const isNewData = data !== stage.data
    const before = stage.entries
    if (data.session !== session) [session, events] = [data.session, []]
    Object.assign(stage, { data, isNewData })
    stage.entries = entries()
    groups.dataset.layout = data.layout
    keyed(groups, data.groups, views.groups, (group) => `${data.layout} ${group.id}`, () => createGroup(stage, keyOf))
    setText(empty, stage.entries.length === 0 && data.groups.length === 0 ? data.empty : "")
    announce(before)
    stage.lightbox.refresh()
    ticking ??= setInterval(tick, 1000)
  }

  const tick = () => views.groups.forEach((group) => group.items.forEach((view) => view.tick?.()))

  function leave() {
    clearInterval(ticking)
    ticking = null
    stage.closeMenu?.(false)
    stage.lightbox.close()
    stage.lightbox.leave()
  }

  // What is said while a dialog is open has to stand in it: all else is out of reach then.
  const speakIn = (dialog) => (dialog ?? root).append(status)
  const focusOf = (key) => viewOf(key)?.opener()
  const pressed = (action) => action

  Object.assign(stage, { root, press, find, openable, open, say, speakIn, focusOf, pressed, show, leave })
  stage.lightbox = createLightbox(stage)
  root.append(empty, groups, stage.lightbox.element, status)
  return stage
}

function createGroup(stage, keyOf) {
  const title = make("h3", {})
  const note = make("p", { class: "note" })
  const bar = make("div", { class: "bar" }, make("div", {}))
  const text = make("p", { class: "progress-text" })
  const progress = make("div", { class: "progress", role: "progressbar" }, bar, text)
  let shown = null
  const actions = createActions(stage, () => ({ group: shown, item: null, key: null }))
  const head = make("header", {}, title, note, progress, actions.element)
  const list = make("ul", { class: "items", role: "list" })
  const element = make("section", {}, head, list)
  const items = new Map()

  function showProgress(row) {
    progress.hidden = !row
    if (!row) return
    setAttribute(progress, "aria-label", shown.title)
    setAttribute(progress, "aria-valuemin", 0)
    setAttribute(progress, "aria-valuenow", row.done)
    setAttribute(progress, "aria-valuemax", row.total)
    setAttribute(progress, "aria-valuetext", row.text)
    setText(text, row.text)
    bar.firstElementChild.style.width = `${(100 * row.done) / Math.max(1, row.total)}%`
  }

  function update(group) {
    shown = group
    setText(title, group.title)
    setText(note, group.note)
    showProgress(group.progress)
    actions.update(group.actions)
    head.hidden = !group.title && !group.note && !group.progress && group.actions.length === 0
    const create = ({ item }) => ({ key: keyOf(group, item), ...createCard(stage, keyOf(group, item)) })
    const rows = group.items.map((item) => ({ item, isNewData: stage.isNewData }))
    keyed(list, rows, items, ({ item }) => item.id, create)
  }

  return { element, items, update }
}

export default function ({ data, setStateValue, parentElement }) {
  const stage = (parentElement.__stage ??= createStage(parentElement))
  stage.setStateValue = setStateValue
  stage.show(data)
  return () => stage.leave()
}
