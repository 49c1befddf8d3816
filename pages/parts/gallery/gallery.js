// The gallery: draws the page's data, updates what is already drawn, and sends actions to the server.

const KEPT_EVENTS = 16
const REPEAT_MS = 400

const keyOf = (group, item) => `${group.id}\n${item.id}`

function createGallery(root) {
  const status = make("output", { class: "status", role: "status", "aria-live": "polite" })
  const [groups, place, more] = ["groups", "gallery", "note"].map((name) => make("div", { class: name }))
  const keys = createKeys()
  const views = new Map()
  const gallery = { place, data: null, entries: [], known: new Map() }
  let [sequence, events, session, ticking, hiding, reachedKey, reachedAt, lastPress] = [0, [], null, null, null, null, 0, {}]

  // -- the items

  const find = (key) => gallery.viewer.entry(key) ?? gallery.known.get(key)
  const itemViews = () => [...views.values()].flatMap((group) => group.items())
  const focusOf = (key) => itemViews().find((view) => view.element.dataset.key === key)?.opener
  // The item with the tab stop; if it is gone, the one now at its index.
  const reached = () => (gallery.known.has(reachedKey) ? reachedKey : gallery.entries[Math.min(reachedAt, gallery.entries.length - 1)]?.key)

  function rowOf({ key, item, group }) {
    const marks = {
      isTitled: item.prompt === group.title,
      isSelected: gallery.selection.isSelected(key),
      isCurrent: gallery.viewer.shows(key),
      isReached: reached() === key,
    }
    return { key, item, marks }
  }

  // -- messages

  // While a dialog is open, messages must be inside it, because everything else is inert.
  const openDialog = () => [gallery.viewer.large, gallery.compare].map(({ element }) => element).find(({ open }) => open)
  const speak = () => (openDialog() ?? root).append(status, keys.element)

  function say(text, isSeen) {
    status.textContent = text
    clearTimeout(hiding)
    status.classList.toggle("is-seen", Boolean(isSeen))
    if (isSeen) hiding = setTimeout(() => status.classList.remove("is-seen"), 2500)
  }

  function announce(before) {
    const was = new Map(before.map(({ key, item }) => [key, item.state]))
    const changed = gallery.entries.filter(({ key, item }) => was.has(key) && was.get(key) !== item.state)
    const done = gallery.entries.filter(({ item }) => item.state === "done").length
    if (changed.length > 3) say(`${changed.length} pictures changed; ${done} are done`)
    else if (changed.length > 0) say(changed.map(({ item }) => `${item.label}: ${item.prompt.slice(0, 80)}`).join(". "))
  }

  // -- actions

  const inBrowser = {
    open: ({ key }, from) => gallery.viewer.enlarge(key, from),
    compare: ({ key }, from) => compareWith(key, from),
    "compare-selection": (_, from) => gallery.compare.open(gallery.selection.pictures(), from),
    "select-all": () => gallery.selection.all(),
    "select-none": () => gallery.selection.clear(),
  }

  // A click with Shift selects a range, with Ctrl or Cmd one item; otherwise it shows the item beside the list, or large.
  function pressItem(key, { shiftKey, ctrlKey, metaKey, detail }) {
    const { selection, viewer } = gallery
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
      if (action.closes) gallery.viewer.large.element.close()
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
    if (action.id === "delete" && gallery.viewer.shown()?.key === key) gallery.viewer.step(1)
  }

  // The last events are sent with each new one, in case that a run was interrupted.
  function sendAction(action, item, group) {
    send({ action, item, group, selection: gallery.selection.value() })
  }

  const write = (action, item, text) => send({ action, item, text })

  function send(event) {
    sequence = Math.max(sequence + 1, Date.now())
    events = [...events, { ...event, sequence, session }].slice(-KEPT_EVENTS)
    gallery.setStateValue("events", events)
  }

  async function copy(text) {
    // Browsers have no clipboard over plain HTTP from another machine.
    const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false)
    say(isCopied ? "Copied" : "The browser blocked copying. Select the text and copy it by hand.", true)
  }

  // Compares a picture with the selected ones, or else selects it for a comparison.
  function compareWith(key, from) {
    gallery.selection.choose(key, true)
    const others = gallery.selection.pictures().filter((other) => other !== key)
    if (others.length === 0) return say("Selected: compare another with it", true)
    gallery.viewer.large.element.close()
    gallery.compare.open([...others.slice(1 - MOST_COMPARED), key], from)
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
    const isLast = (item) => gallery.data.layout !== "table" && isEnded(item)
    const items = group.items.toSorted((one, other) => isLast(one) - isLast(other))
    return items.map((item) => ({ key: keyOf(group, item), item, group }))
  }

  function show(data) {
    const before = gallery.entries
    const newest = gallery.data?.groups[0]?.id
    if (data.session !== session) [session, events] = [data.session, []]
    reachedAt = Math.max(0, before.findIndex(({ key }) => key === reachedKey))
    gallery.data = data
    gallery.entries = data.groups.flatMap(entriesOf)
    gallery.known = new Map(gallery.entries.map((entry) => [entry.key, entry]))
    gallery.selection.take(data)
    gallery.tray.take(data.done)
    redraw()
    announce(before)
    setText(more, data.more)
    if (data.layout === "feed" && before.length > 0 && data.groups[0]?.id !== newest) groups.firstElementChild?.scrollIntoView({ block: "nearest" })
    gallery.viewer.take(data)
    gallery.compare.refresh()
    gallery.notice.show(data.pending)
    ticking ??= setInterval(tick, 1000)
  }

  function redraw() {
    const { layout, rowPx } = gallery.data
    groups.dataset.layout = layout
    if (rowPx) groups.style.setProperty("--row-px", `${rowPx}px`)
    const draw = () => keyed(groups, gallery.data.groups, views, (group) => `${layout} ${group.id}`, () => createGroup(gallery))
    keepFocus(draw, { focus: () => focusOf(reached())?.focus() })
    gallery.tray.show()
  }

  // If a change removes the focused element, the focus moves to `instead`.
  function keepFocus(change, instead) {
    const had = root.activeElement
    change()
    if (had && !had.isConnected) instead.focus()
  }

  const tick = () => [gallery.notice, ...itemViews()].forEach((part) => part.tick?.())

  function leave() {
    clearInterval(ticking)
    for (const { element, zoom } of [gallery.viewer.large, gallery.compare]) {
      element.close()
      zoom.leave()
    }
    for (const part of [gallery.notice, gallery.tray, gallery.viewer, keys]) part.leave()
  }

  Object.assign(gallery, { find, rowOf, focusOf, reach, press, pressItem, handleKey, write, say, speak, openDialog })
  Object.assign(gallery, { keepFocus, show, redraw, leave })
  gallery.selection = createSelection(gallery)
  gallery.notice = createNotice(gallery)
  gallery.tray = createTray(gallery)
  gallery.viewer = createViewer(gallery)
  gallery.compare = createCompare(gallery)
  listenToGrid(gallery, groups)
  place.append(groups, gallery.viewer.element)
  root.append(place, more, gallery.notice.element, gallery.tray.element, gallery.viewer.large.element, gallery.compare.element)
  speak()
  return gallery
}

function createGroup(gallery) {
  const title = make("h2", {})
  const note = make("p", { class: "note" })
  const bar = make("progress", {})
  const text = make("p", { class: "progress-text" })
  const progress = make("div", { class: "progress" }, bar, text)
  let shown = null
  const actions = createActions(gallery, () => ({ group: shown, item: null, key: null }))
  const head = make("header", {}, title, note, progress, actions.element)
  const isTable = gallery.data.layout === "table"
  const list = isTable ? make("div", { class: "items" }) : make("ul", { class: "items", role: "list" })
  const lines = make("ul", { class: "lines", role: "list" })
  const element = make("section", {}, head, isTable ? createTable(list) : list, lines)
  const [items, ended] = [new Map(), new Map()]
  const create = isTable ? createRow : createTile

  const showHead = drawn((group) => {
    setText(title, group.title)
    setAttribute(title, "title", group.title)
    setText(note, group.note)
    setAttribute(note, "title", group.note)
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
    const rows = gallery.entries.filter((entry) => entry.group === group).map(gallery.rowOf)
    const first = rows.filter(({ item }) => isTable || !isEnded(item))
    showWidth(first.reduce((sum, { item }) => sum + ratioOf(item), 0), first.length)
    keyed(list, first, items, ({ key }) => key, ({ key }) => create(gallery, key))
    keyed(lines, rows.slice(first.length), ended, ({ key }) => key, ({ key }) => createLine(gallery, key))
    element.classList.toggle("has-lines", first.length < rows.length)
  }

  return { element, items: () => [...items.values(), ...ended.values()], update }
}

// With a source, the gallery fetches its items itself.
function follow(gallery, data) {
  const show = () => gallery.answer && gallery.show({ ...data, ...gallery.answer })
  const source = JSON.stringify(data.source)
  show()
  if (gallery.followed === source) return
  gallery.followed = source
  gallery.unwatch?.()
  gallery.unwatch = live.watch(data.source, (answer) => {
    gallery.answer = answer
    show()
  })
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const gallery = (parentElement.studioGallery ??= createGallery(parentElement))
  gallery.setStateValue = setStateValue
  if (data.source) follow(gallery, data)
  else gallery.show(data)
  return () => {
    gallery.unwatch?.()
    gallery.followed = null
    gallery.leave()
  }
})
