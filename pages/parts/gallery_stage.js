// The stage: takes the page's data, keeps what is already drawn, and tells the server what was pressed.

const KEPT_EVENTS = 16
const REPEAT_MS = 400

const keyOf = (group, item) => `${group.id}\n${item.id}`

function createStage(root) {
  const status = make("output", { class: "status", role: "status", "aria-live": "polite" })
  const groups = make("div", { class: "groups" })
  const empty = make("p", { class: "empty" })
  const views = new Map()
  const stage = { data: null, entries: [], known: new Map(), comparing: [], closeMenu: null }
  let [sequence, events, session, ticking, hiding, reachedKey, lastPress] = [0, [], null, null, null, null, {}]

  // -- what it knows

  const find = (key) => stage.known.get(key)
  const openable = () => stage.entries.filter(({ item }) => stage.data.layout === "grid" || hasPicture(item))
  const itemViews = () => [...views.values()].flatMap((group) => [...group.items.values()])
  const viewOf = (key) => itemViews().find((view) => view.element.dataset.key === key)
  const focusOf = (key) => viewOf(key)?.opener()
  const reached = () => (find(reachedKey) ? reachedKey : stage.entries[0]?.key)

  // -- what it says

  // What is said while a dialog is open has to stand in it: all else is out of reach then.
  const openDialog = () => [stage.lightbox, stage.compare].map(({ element }) => element).find(({ open }) => open)
  const speak = () => (openDialog() ?? root).append(status)

  function say(text, isSeen) {
    status.textContent = text
    clearTimeout(hiding)
    status.classList.toggle("is-seen", Boolean(isSeen))
    if (isSeen) hiding = setTimeout(() => status.classList.remove("is-seen"), 2500)
  }

  function announce(before) {
    const was = new Map(before.map(({ key, item }) => [key, item.state]))
    const changed = stage.entries.filter(({ key, item }) => was.has(key) && was.get(key) !== item.state)
    const done = stage.entries.filter(({ item }) => item.state === "done").length
    if (changed.length > 3) say(`${changed.length} pictures went on; ${done} are done`)
    else if (changed.length > 0) say(changed.map(({ item }) => `${item.label}: ${item.prompt.slice(0, 80)}`).join(". "))
  }

  // -- what was pressed

  const answers = {
    open: (context, from) => open(context.key, from),
    compare: (context, from) => compare(context.key, from),
    "compare-none": () => endComparing([]),
    "compare-selection": (_, from) => stage.compare.open(stage.selection.chosen().map(({ key }) => key), from),
    "select-all": () => stage.selection.all(),
    "select-none": () => stage.selection.clear(),
  }

  // The second click of a double click, or tap of a double tap, is not a second wish.
  function isRepeated(action, { key, group }, event) {
    const [name, before] = [`${action.id} ${key} ${group.id}`, lastPress]
    lastPress = { name, at: performance.now() }
    return event.detail > 1 || (name === before.name && lastPress.at - before.at < REPEAT_MS)
  }

  function press(action, context, event) {
    if (!context || isRepeated(action, context, event)) return
    if (action.copy !== null) copy(action.copy)
    else if (answers[action.id]) answers[action.id](context, event.currentTarget)
    else {
      if (action.closes) stage.lightbox.close()
      tell(action.id, context.item?.id ?? null, context.group.id)
    }
  }

  // What a lost run did not hear comes again with the next press.
  function tell(action, item, group) {
    sequence = Math.max(sequence + 1, Date.now())
    events = [...events, { action, item, group, sequence, session }].slice(-KEPT_EVENTS)
    stage.setStateValue("events", events)
  }

  async function copy(text) {
    const [copied, refused] = [() => true, () => false]
    const isCopied = isSecureContext ? await navigator.clipboard.writeText(text).then(copied, refused) : copyOld(text)
    if (isCopied) say("Copied", true)
    else say("The browser did not let it be copied; nothing was spent. Select the text and copy it by hand.", true)
  }

  // Over plain HTTP from another machine, browsers only know the way by a selection.
  function copyOld(text) {
    const field = make("textarea", { class: "aside", "aria-hidden": "true" })
    const had = root.activeElement
    status.parentNode.append(field)
    field.value = text
    field.select()
    const isCopied = document.execCommand("copy")
    field.remove()
    had?.focus()
    return isCopied
  }

  function open(key, from) {
    stage.closeMenu?.(false)
    stage.lightbox.open(key, from)
  }

  function compare(key, from) {
    const isIn = stage.comparing.includes(key)
    stage.comparing = isIn ? stage.comparing.filter((other) => other !== key) : [...stage.comparing, key]
    if (stage.comparing.length > 1 && !isIn) {
      stage.lightbox.close()
      stage.compare.open(stage.comparing, from)
    } else {
      redraw()
      say(isIn ? "Taken out of the comparison" : "Comparing: choose another", Boolean(openDialog()))
    }
  }

  function endComparing(keys) {
    stage.comparing = keys
    redraw()
  }

  function named(action, context) {
    if (action.id !== "compare" || !stage.comparing.includes(context?.key)) return action
    return { ...action, label: "Stop comparing", icon: "close" }
  }

  function reach(key, isMoved) {
    reachedKey = key
    itemViews().forEach((view) => view.showFocus?.())
    if (isMoved) focusOf(key)?.focus()
  }

  // -- how it is drawn

  function show(data) {
    const before = stage.entries
    if (data.session !== session) [session, events] = [data.session, []]
    const isNewData = data !== stage.data
    stage.data = data
    const entriesOf = (group) => group.items.map((item) => ({ key: keyOf(group, item), item, group }))
    stage.entries = data.groups.flatMap(entriesOf)
    stage.known = new Map(stage.entries.map((entry) => [entry.key, entry]))
    stage.comparing = stage.comparing.filter(find)
    stage.selection.take(data)
    stage.isNewData = isNewData
    redraw()
    stage.isNewData = false
    announce(before)
    stage.lightbox.refresh()
    stage.compare.refresh()
    stage.notice.show(data.notify)
    ticking ??= setInterval(tick, 1000)
  }

  function redraw() {
    const { layout } = stage.data
    const held = root.activeElement?.closest("[data-key]")?.dataset.key
    groups.dataset.layout = layout
    const viewKey = (group) => `${layout} ${group.id}`
    const draw = () => keyed(groups, stage.data.groups, views, viewKey, () => createGroup(stage))
    keepFocus(draw, { focus: () => (layout === "grid" ? focusOf(held) : viewOf(held)?.element)?.focus() })
    setText(empty, stage.data.groups.length === 0 ? stage.data.empty : "")
    stage.tray.show()
  }

  // What had the focus may be gone after a change: then it goes to what stands in for it.
  function keepFocus(change, instead) {
    const had = root.activeElement
    change()
    if (had && !had.isConnected) instead.focus()
  }

  const tick = () => itemViews().forEach((view) => view.tick())

  function leave() {
    clearInterval(ticking)
    stage.closeMenu?.(false)
    for (const part of [stage.lightbox, stage.compare]) {
      part.close()
      part.leave()
    }
    stage.notice.leave()
  }

  const selection = createSelection(stage)
  const { choose, isSelected } = selection
  Object.assign(stage, { selection, choose, isSelected, find, openable, focusOf, reached, reach, press, open, named })
  Object.assign(stage, { say, speak, openDialog, endComparing, keepFocus, show, redraw, leave })
  stage.notice = createNotice(stage)
  stage.tray = createTray(stage)
  stage.lightbox = createLightbox(stage)
  stage.compare = createCompare(stage)
  listenToGrid(stage, groups)
  const dialogs = [stage.lightbox.element, stage.compare.element]
  root.append(stage.notice.element, empty, groups, stage.tray.element, ...dialogs, status)
  return stage
}

function createGroup(stage) {
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
    const create = stage.data.layout === "grid" ? createTile : createCard
    const rows = group.items.map((item) => ({ item, isNewData: stage.isNewData }))
    keyed(list, rows, items, ({ item }) => item.id, ({ item }) => create(stage, keyOf(group, item)))
  }

  return { element, items, update }
}

export default function ({ data, setStateValue, parentElement }) {
  const stage = (parentElement.__stage ??= createStage(parentElement))
  stage.setStateValue = setStateValue
  stage.show(data)
  return () => stage.leave()
}
