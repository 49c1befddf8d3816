// Shows one item with its details: beside the list if there is room, or large in the whole window. Its id is in the page's URL.

const ROOM_PX = 860
const SETTLED_MS = 150

function createViewer(gallery) {
  const about = createAbout(gallery, openId)
  const small = make("img", { decoding: "async" })
  const enlarger = make("button", { type: "button", class: "picture", onclick: () => enlarge(shown.key, enlarger) }, small)
  const close = createTool("close", "Close", () => back())
  const element = make("aside", { class: "beside", "aria-label": "Details", hidden: true }, close, enlarger)
  const image = make("img", { draggable: "false" })
  const frame = make("div", { class: "frame" }, image)
  const sign = make("div", { class: "sign" }, icon(""), make("span", {}))
  const count = make("span", { class: "count" })
  const previous = createTool("chevron_left", "Previous picture", () => step(-1))
  const next = createTool("chevron_right", "Next picture", () => step(1))
  const large = createWindow(gallery, {
    name: "Picture",
    panelName: "About this picture",
    content: [frame, sign, previous, next, count],
    frames: () => [frame],
    swiped: step,
    pressed: onKey,
    closed: onClosed,
  })
  large.panel.append(make("p", { class: "meta hint", text: "Press ? for keys." }))
  let [shown, answer, unwatch, asking, isTaken] = [null, null, null, null, false]

  const isBeside = () => !element.hidden
  const hasRoom = () => Boolean(gallery.data.beside) && gallery.place.clientWidth >= ROOM_PX
  const shows = (key) => isBeside() && shown?.item.id === gallery.find(key)?.item.id
  const entry = (key) => (shown?.key === key ? shown : undefined)
  const openable = () => gallery.entries.filter(({ key, item }) => hasPicture(item) || key === shown.key)

  // An item that is named in the URL is opened large at first.
  function take({ opened }) {
    if (!isTaken && opened) openId(opened, true)
    isTaken = true
    refresh()
  }

  function openId(id, isLarge = large.element.open) {
    const known = gallery.entries.find(({ item }) => item.id === id)
    if (known) open(known.key, isLarge)
    else ask(id, isLarge)
  }

  function open(key, isLarge) {
    look(gallery.find(key))
    if (hasRoom() && !isBeside()) setBeside(true)
    if (isLarge || !hasRoom()) enlarge(key, gallery.focusOf(key))
    else gallery.focusOf(key)?.scrollIntoView({ block: "nearest" })
  }

  function look(next) {
    const isOther = next.item.id !== shown?.item.id
    shown = next
    if (isOther) answer = null
    show()
    if (isOther) ask(next.item.id)
  }

  function setBeside(isWanted) {
    element.hidden = !isWanted
    gallery.place.classList.toggle("has-beside", isWanted)
    if (isWanted) element.append(about.element)
    gallery.redraw()
  }

  function enlarge(key, from) {
    if (key !== shown?.key) look(gallery.find(key))
    large.panel.prepend(about.element)
    large.open(from)
    show()
    large.zoom.fit()
  }

  // Details are fetched after a pause, because a key that is held down passes many items.
  function ask(id, isLarge) {
    unwatch?.()
    clearTimeout(asking)
    const { beside } = gallery.data
    if (!beside) return
    name(id)
    const begin = () => (unwatch = live.watch({ ...beside, params: { ...beside.params, id } }, (details) => receive(details, isLarge)))
    if (shown) asking = setTimeout(begin, SETTLED_MS)
    else begin()
  }

  function receive(details, isLarge) {
    if (!details.item) return gallery.say("There is no such picture.", true)
    answer = details
    const key = shown?.item.id === details.item.id ? shown.key : `viewer\n${details.item.id}`
    shown = { key, item: details.item, group: { id: "viewer" } }
    if (isBeside() || large.element.open) show()
    else open(key, isLarge)
  }

  // Puts the id into the URL, so that the link can be shared, without a run of the page.
  function name(id) {
    const address = new URL(location.href)
    if ((address.searchParams.get("job") ?? "") === id) return
    if (id) address.searchParams.set("job", id)
    else address.searchParams.delete("job")
    history.replaceState(history.state, "", address)
  }

  function show() {
    const { item } = shown
    about.update(item, answer)
    enlarger.hidden = !hasPicture(item)
    setAttribute(small, "src", ownPath(item.thumbnail) ?? ownPath(item.picture))
    for (const name of ["alt", "width", "height"]) setAttribute(small, name, item[name])
    if (large.element.open) showLarge(item)
    if (isBeside()) gallery.redraw()
  }

  function showLarge(item) {
    const all = openable()
    const number = all.findIndex(({ key }) => key === shown.key)
    setText(count, number >= 0 && all.length > 1 ? `${number + 1} of ${all.length}` : "")
    setAttribute(previous, "aria-disabled", number <= 0 || null)
    setAttribute(next, "aria-disabled", number === all.length - 1 || null)
    frame.hidden = large.tools.hidden = !hasPicture(item)
    sign.hidden = hasPicture(item)
    setAttribute(sign.firstElementChild, "data-icon", item.icon)
    setText(sign.lastElementChild, item.label)
    if (!hasPicture(item)) return
    const isOther = image.dataset.id !== item.id
    showWhole(image, item, large.message)
    if (isOther) large.zoom.fit()
  }

  function step(by) {
    const all = large.element.open ? openable() : gallery.entries
    const to = all[all.findIndex(({ key }) => key === shown.key) + by]
    if (!to) return
    look(to)
    gallery.say(`Picture ${all.indexOf(to) + 1} of ${all.length}: ${to.item.prompt}`)
  }

  function onKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by) step(by)
    else gallery.handleKey(event, shown.key)
  }

  // After new data, the same item stays; the large view only while it exists.
  function refresh() {
    if (!shown) return
    const known = gallery.known.get(shown.key)
    if (!known && !answer && large.element.open) return large.element.close()
    if (!answer) shown = known ?? shown
    if (large.element.open) gallery.keepFocus(show, large.close)
    else show()
  }

  function onClosed() {
    if (isBeside()) element.append(about.element)
    const opener = gallery.focusOf(shown?.key)
    if (!isBeside()) forget()
    return opener
  }

  function back() {
    const opener = gallery.focusOf(shown?.key)
    forget()
    opener?.focus()
  }

  function forget() {
    unwatch?.()
    clearTimeout(asking)
    if (shown && gallery.data.beside) name("")
    ;[shown, answer, unwatch] = [null, null, null]
    if (isBeside()) setBeside(false)
  }

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.target.matches("textarea")) back()
    else if (!isTyping(event)) gallery.handleKey(event, shown.key)
  })
  return { element, large, open, enlarge, step, close: back, leave: forget, take, isBeside, shows, entry, shown: () => shown }
}
