// The gallery: draws the page's data, updates what is already drawn, and sends actions to the server.

const KEPT_EVENTS = 16
const REPEAT_MS = 400

const keyOf = (group, item) => `${group.id}\n${item.id}`

function createStage(root) {
  const status = make("output", { class: "status", role: "status", "aria-live": "polite" })
  const groups = make("div", { class: "groups" })
  const place = make("div", { class: "stage" })
  const keys = createKeys()
  const views = new Map()
  const stage = { place, data: null, entries: [], known: new Map() }
  let [sequence, events, session, ticking, hiding, reachedKey, reachedAt, lastPress] = [0, [], null, null, null, null, 0, {}]

  // -- the items

  const find = (key) => stage.viewer.entry(key) ?? stage.known.get(key)
  const itemViews = () => [...views.values()].flatMap((group) => group.items())
  const focusOf = (key) => itemViews().find((view) => view.element.dataset.key === key)?.opener
  // The item with the tab stop; if it is gone, the one now at its index.
  const reached = () => (stage.known.has(reachedKey) ? reachedKey : stage.entries[Math.min(reachedAt, stage.entries.length - 1)]?.key)

  function rowOf({ key, item, group }) {
    const marks = {
      isTitled: item.prompt === group.title,
      isSelected: stage.selection.isSelected(key),
      isCurrent: stage.viewer.shows(key),
      isReached: reached() === key,
    }
    return { key, item, marks }
  }

  // -- messages

  // While a dialog is open, messages must be inside it, because everything else is inert.
  const openDialog = () => [stage.viewer.large, stage.compare].map(({ element }) => element).find(({ open }) => open)
  const speak = () => (openDialog() ?? root).append(status, keys.element)

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

  // -- actions

  const inBrowser = {
    open: ({ key }, from) => stage.viewer.enlarge(key, from),
    compare: ({ key }, from) => compareWith(key, from),
    "compare-selection": (_, from) => stage.compare.open(stage.selection.pictures(), from),
    "select-all": () => stage.selection.all(),
    "select-none": () => stage.selection.clear(),
  }

  // A click with Shift selects a range, with Ctrl or Cmd one item; otherwise it shows the item beside the list, or large.
  function pressItem(key, { shiftKey, ctrlKey, metaKey, detail }) {
    const { selection, viewer } = stage
    if (shiftKey || ctrlKey || metaKey) selection.choose(key, !selection.isSelected(key), shiftKey)
    else if (detail > 1 && viewer.isBeside()) viewer.enlarge(key, focusOf(key))
    else {
      viewer.open(key)
      // The keyboard continues from here.
      if (!openDialog()) focusOf(key)?.focus({ preventScroll: true })
    }
  }

  // Whether a click is the second of a double click or double tap.
  function isRepeated(action, { key, group }, event) {
    const [name, before] = [`${action.id} ${key} ${group.id}`, lastPress]
    lastPress = { name, at: performance.now() }
    return event.detail > 1 || (name === before.name && lastPress.at - before.at < REPEAT_MS)
  }

  function press(action, context, event) {
    if (!context || isRepeated(action, context, event)) return
    if (action.id === "copy-link") copy(new URL(action.copy, document.baseURI).href)
    else if (typeof action.copy === "string") copy(action.copy)
    else if (action.id === "rerun") window.studioOutbox?.add({ rerun: context.group.id, says: action.says })
    else if (inBrowser[action.id]) inBrowser[action.id](context, event.currentTarget)
    else {
      if (action.closes) stage.viewer.large.element.close()
      sendAction(action.id, context.item?.id ?? null, context.group.id)
    }
  }

  // Handles the keys that rate or delete a picture.
  function handleKey(event, key) {
    const entry = find(key)
    const ids = isPlain(event) ? (KEY_ACTIONS[event.key.toLowerCase()] ?? []) : []
    const action = entry?.item.actions.find(({ id }) => ids.includes(id))
    if (!action) return
    press(action, entry, { currentTarget: event.target, detail: 0 })
    // The page has a notice about the deletion, which a dialog covers.
    say(action.label, action.id !== "delete" || openDialog())
    if (action.id === "delete" && stage.viewer.shown()?.key === key) stage.viewer.step(1)
  }

  // The last events are sent with each new one, in case that a run was interrupted.
  function sendAction(action, item, group) {
    send({ action, item, group, selection: stage.selection.value() })
  }

  const write = (action, item, text) => send({ action, item, text })

  function send(event) {
    sequence = Math.max(sequence + 1, Date.now())
    events = [...events, { ...event, sequence, session }].slice(-KEPT_EVENTS)
    stage.setStateValue("events", events)
  }

  async function copy(text) {
    // Browsers have no clipboard over plain HTTP from another machine.
    const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false)
    say(isCopied ? "Copied" : "The browser did not let it be copied. Select the text and copy it by hand.", true)
  }

  // Compares a picture with the selected ones, or else selects it for a comparison.
  function compareWith(key, from) {
    stage.selection.choose(key, true)
    const others = stage.selection.pictures().filter((other) => other !== key)
    if (others.length === 0) return say("Selected: compare another with it", true)
    stage.viewer.large.element.close()
    stage.compare.open([...others.slice(1 - MOST_COMPARED), key], from)
  }

  function reach(key, isMoved) {
    if (key !== reachedKey) {
      reachedKey = key
      redraw()
    }
    if (isMoved) focusOf(key)?.focus()
  }

  // -- drawing

  // Pictures first, then jobs that ended without one, in one line each.
  function entriesOf(group) {
    const isLast = (item) => stage.data.layout !== "table" && isEnded(item)
    const items = group.items.toSorted((one, other) => isLast(one) - isLast(other))
    return items.map((item) => ({ key: keyOf(group, item), item, group }))
  }

  function show(data) {
    const before = stage.entries
    const newest = stage.data?.groups[0]?.id
    if (data.session !== session) [session, events] = [data.session, []]
    reachedAt = Math.max(0, before.findIndex(({ key }) => key === reachedKey))
    stage.data = data
    stage.entries = data.groups.flatMap(entriesOf)
    stage.known = new Map(stage.entries.map((entry) => [entry.key, entry]))
    stage.selection.take(data)
    stage.tray.take(data.done)
    redraw()
    announce(before)
    if (data.layout === "feed" && before.length > 0 && data.groups[0]?.id !== newest) groups.firstElementChild?.scrollIntoView({ block: "nearest" })
    stage.viewer.take(data)
    stage.compare.refresh()
    stage.notice.show(data.notify)
    ticking ??= setInterval(tick, 1000)
  }

  function redraw() {
    const { layout, rowPx } = stage.data
    groups.dataset.layout = layout
    if (rowPx) groups.style.setProperty("--row-px", `${rowPx}px`)
    const draw = () => keyed(groups, stage.data.groups, views, (group) => `${layout} ${group.id}`, () => createGroup(stage))
    keepFocus(draw, { focus: () => focusOf(reached())?.focus() })
    stage.tray.show()
  }

  // If a change removes the focused element, the focus moves to `instead`.
  function keepFocus(change, instead) {
    const had = root.activeElement
    change()
    if (had && !had.isConnected) instead.focus()
  }

  const tick = () => [stage.notice, ...itemViews()].forEach((part) => part.tick?.())

  function leave() {
    clearInterval(ticking)
    for (const { element, zoom } of [stage.viewer.large, stage.compare]) {
      element.close()
      zoom.leave()
    }
    for (const part of [stage.notice, stage.tray, stage.viewer, keys]) part.leave()
  }

  Object.assign(stage, { find, rowOf, focusOf, reach, press, pressItem, handleKey, write, say, speak, openDialog })
  Object.assign(stage, { keepFocus, show, redraw, leave })
  stage.selection = createSelection(stage)
  stage.notice = createNotice(stage)
  stage.tray = createTray(stage)
  stage.viewer = createViewer(stage)
  stage.compare = createCompare(stage)
  listenToGrid(stage, groups)
  place.append(groups, stage.viewer.element)
  root.append(place, stage.notice.element, stage.tray.element, stage.viewer.large.element, stage.compare.element)
  speak()
  return stage
}

function createGroup(stage) {
  const title = make("h2", {})
  const note = make("p", { class: "note" })
  const bar = make("progress", {})
  const text = make("p", { class: "progress-text" })
  const progress = make("div", { class: "progress" }, bar, text)
  let shown = null
  const actions = createActions(stage, () => ({ group: shown, item: null, key: null }))
  const head = make("header", {}, title, note, progress, actions.element)
  const isTable = stage.data.layout === "table"
  const list = isTable ? make("div", { class: "items" }) : make("ul", { class: "items", role: "list" })
  const lines = make("ul", { class: "lines", role: "list" })
  const element = make("section", {}, head, isTable ? createTable(list) : list, lines)
  const [items, ended] = [new Map(), new Map()]
  const create = isTable ? createRow : createTile

  const showHead = drawn((group) => {
    setText(title, group.title)
    setAttribute(title, "title", group.title)
    setText(note, group.note)
    actions.update(group.actions)
    progress.hidden = !group.progress
    head.hidden = !group.title && !group.note && !group.progress && group.actions.length === 0
    if (progress.hidden) return
    setAttribute(bar, "aria-label", group.title)
    setAttribute(bar, "aria-valuetext", group.progress.text)
    bar.max = Math.max(1, group.progress.total)
    bar.value = group.progress.done
    setText(text, group.progress.text)
  })

  const showWidth = drawn((ratios, count) => {
    element.style.setProperty("--ratios", String(ratios))
    element.style.setProperty("--count", String(Math.max(1, count)))
  })

  function update(group) {
    shown = group
    showHead({ ...group, items: [] })
    const rows = stage.entries.filter((entry) => entry.group === group).map(stage.rowOf)
    const first = rows.filter(({ item }) => isTable || !isEnded(item))
    showWidth(first.reduce((sum, { item }) => sum + ratioOf(item), 0), first.length)
    keyed(list, first, items, ({ key }) => key, ({ key }) => create(stage, key))
    keyed(lines, rows.slice(first.length), ended, ({ key }) => key, ({ key }) => createLine(stage, key))
    element.classList.toggle("has-lines", first.length < rows.length)
  }

  return { element, items: () => [...items.values(), ...ended.values()], update }
}

// With a source, the gallery fetches its items itself.
function follow(stage, data) {
  const show = () => stage.answer && stage.show({ ...data, ...stage.answer })
  const source = JSON.stringify(data.source)
  show()
  if (stage.followed === source) return
  stage.followed = source
  stage.unwatch?.()
  stage.unwatch = live.watch(data.source, (answer) => {
    stage.answer = answer
    show()
  })
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const stage = (parentElement.studioStage ??= createStage(parentElement))
  stage.setStateValue = setStateValue
  if (data.source) follow(stage, data)
  else stage.show(data)
  return () => {
    stage.unwatch?.()
    stage.followed = null
    stage.leave()
  }
})
