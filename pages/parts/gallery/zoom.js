// Zooms and pans one picture, or several together: by wheel, double click, pinch, drag, buttons and keys.
// Frames scroll. At scale 1 a picture fits its frame; "100 %" is one pixel of the picture for each pixel of the screen, of
// several pictures for the one with the most pixels.

const DEEPEST = 12
const CLOSER = 1.4
const PAN_PX = 80
const SWIPE_PX = 60

function createZoom(surface, { frames, changed, swiped = () => {}, dragged = () => {} }) {
  const pointers = new Map()
  let [scale, leader, began] = [1, null, null]

  const between = (low, value, high) => Math.min(high, Math.max(low, value))
  const led = () => (frames().includes(leader) ? leader : frames()[0])
  const imageOf = (frame) => frame.querySelector("img")
  const widthOf = (image) => image.getBoundingClientRect().width

  // Pixels of the screen for each pixel of the picture.
  function level() {
    return Math.min(...frames().map(imageOf).map((image) => (widthOf(image) * devicePixelRatio) / image.dataset.width))
  }

  // The scale of "100 %".
  const whole = () => scale / level()

  // Zooms around a point of the window.
  function zoomTo(wanted, at) {
    if (frames().length === 0 || !Number.isFinite(whole())) return
    const image = imageOf(led())
    const { left, top, width } = image.getBoundingClientRect()
    const { x, y } = at ?? middleOf(led())
    scale = between(Math.min(1, whole()), wanted, Math.max(DEEPEST, whole()))
    surface.style.setProperty("--zoom", scale)
    surface.classList.toggle("is-deep", scale > 1)
    const now = image.getBoundingClientRect()
    const grown = now.width / width
    pan(now.left - x + (x - left) * grown, now.top - y + (y - top) * grown)
    changed(level())
  }

  function middleOf(frame) {
    const { left, top, width, height } = frame.getBoundingClientRect()
    return { x: left + width / 2, y: top + height / 2 }
  }

  // Scrolls all frames to the same part of their pictures.
  function pan(x, y) {
    led().scrollBy(x, y)
    const room = (frame) => [frame.scrollWidth - frame.clientWidth, frame.scrollHeight - frame.clientHeight]
    const [wide, high] = room(led())
    const [across, down] = [wide > 0 ? led().scrollLeft / wide : 0.5, high > 0 ? led().scrollTop / high : 0.5]
    for (const frame of frames()) {
      const [left, top] = room(frame)
      if (frame !== led()) frame.scrollTo(left * across, top * down)
    }
  }

  const fit = () => zoomTo(1)
  const closer = () => zoomTo(scale * CLOSER)
  const wider = () => zoomTo(scale / CLOSER)
  const showPixels = () => zoomTo(whole())

  const isTool = (event) => Boolean(event.target.closest("button, a, input"))
  const placed = ({ clientX, clientY }) => ({ x: clientX, y: clientY })
  const spread = ([one, other]) => (other ? Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)) : 1)
  const middle = ([one, other = one]) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 })

  function onDown(event) {
    if (event.button !== 0 || isTool(event)) return
    if (pointers.size === 0) leader = event.target.closest(".frame")
    surface.setPointerCapture(event.pointerId)
    pointers.set(event.pointerId, placed(event))
    began = pointers.size === 1 && event.pointerType === "touch" ? placed(event) : null
  }

  // One finger pans, two also zoom.
  function onMove(event) {
    if (!pointers.has(event.pointerId)) return
    const before = [...pointers.values()]
    pointers.set(event.pointerId, placed(event))
    const after = [...pointers.values()]
    if (after.length === 1 && scale <= 1) return dragged(event)
    if (after.length > 1) zoomTo((scale * spread(after)) / spread(before), middle(before))
    pan(middle(before).x - middle(after).x, middle(before).y - middle(after).y)
  }

  function onUp(event) {
    const last = pointers.get(event.pointerId)
    pointers.delete(event.pointerId)
    if (!last || !began || scale > 1) return
    const [x, y] = [last.x - began.x, last.y - began.y]
    began = null
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) swiped(x < 0 ? 1 : -1)
  }

  function onWheel(event) {
    event.preventDefault()
    leader = event.target.closest(".frame")
    zoomTo(scale * Math.exp(-between(-120, event.deltaY, 120) / 300), placed(event))
  }

  function onDoubleClick(event) {
    if (!isTool(event)) zoomTo(scale > 1 ? 1 : 2.5, placed(event))
  }

  surface.addEventListener("wheel", onWheel, { passive: false })
  surface.addEventListener("dblclick", onDoubleClick)
  surface.addEventListener("pointerdown", onDown)
  surface.addEventListener("pointermove", onMove)
  surface.addEventListener("pointerup", onUp)
  surface.addEventListener("pointercancel", onUp)
  const refresh = () => zoomTo(scale)
  const watch = new ResizeObserver(refresh)
  watch.observe(surface)

  const keys = { "+": closer, "=": closer, "-": wider, 0: fit, 1: showPixels }
  const ways = { ArrowLeft: [-PAN_PX, 0], ArrowRight: [PAN_PX, 0], ArrowUp: [0, -PAN_PX], ArrowDown: [0, PAN_PX] }

  // Handles a key, and returns whether it was one for zooming.
  function heard({ key, shiftKey, altKey, ctrlKey, metaKey }) {
    const way = shiftKey && ways[key]
    if (altKey || ctrlKey || metaKey || !(way || keys[key])) return false
    if (way) pan(...way)
    else keys[key]()
    return true
  }

  return { fit, refresh, heard, closer, wider, showPixels, leave: () => watch.disconnect() }
}

function createTool(symbol, label, press) {
  const named = { "aria-label": label, title: label }
  return make("button", { type: "button", class: "tool", ...named, onclick: press }, icon(symbol))
}

// A dialog that fills the window: the surface with the pictures, a panel beside it, and buttons.
function createWindow(gallery, { name, panelName, content, tools: more = [], frames, swiped, dragged, pressed, closed }) {
  const message = make("p", { class: "message" })
  const level = make("span", { class: "level" })
  const word = (text, title, press) => make("button", { type: "button", class: "button", title, onclick: press, text })
  const buttons = [
    createTool("remove", "Zoom out", () => zoom.wider()),
    level,
    createTool("add", "Zoom in", () => zoom.closer()),
    word("Fit", "The whole picture (0)", () => zoom.fit()),
    word("100 %", "One pixel of the picture for each of the screen (1)", () => zoom.showPixels()),
  ]
  const tools = make("div", { class: "tools" }, ...buttons, ...more)
  const surface = make("div", { class: "surface" }, ...content, message, tools)
  const panel = make("aside", { class: "panel", "aria-label": panelName, tabindex: "0" })
  const close = createTool("close", "Close", () => element.close())
  const element = make("dialog", { class: "large", "aria-label": name }, surface, panel, close)
  const changed = (pixels) => setText(level, `${Math.round(pixels * 100)} %`)
  const zoom = createZoom(surface, { frames, changed, swiped, dragged })
  let opener = null

  function open(from) {
    opener = from
    if (!element.open) element.showModal()
    gallery.speak()
    close.focus()
  }

  element.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (isTyping(event)) return
    if (zoom.heard(event)) event.preventDefault()
    else pressed(event)
  })
  element.addEventListener("close", () => {
    const back = closed()
    gallery.speak()
    if (!gallery.openDialog()) (opener?.isConnected ? opener : back)?.focus()
  })
  return { element, surface, panel, tools, message, zoom, open, close }
}

const ONLY_PREVIEW = "The whole picture did not load, so this is its preview: open it again."

// Shows the thumbnail at once, and the whole picture when it has loaded, or a message if it does not.
function showWhole(image, item, message) {
  const [small, full] = [ownPath(item.thumbnail), ownPath(item.picture)]
  const isOther = image.dataset.id !== item.id
  if (!isOther && image.dataset.full === full) return
  Object.assign(image.dataset, { id: item.id, width: item.width, full: full ?? "" })
  image.style.setProperty("--ratio", item.width / item.height || 1)
  image.alt = item.alt
  if (isOther) {
    // Otherwise the previous picture would be shown, distorted, until the new one has loaded.
    image.removeAttribute("src")
    image.src = small ?? full
  }
  setText(message, "")
  if (!full || full === small) return
  const whole = new Image()
  whole.src = full
  const isWanted = () => image.dataset.full === full
  whole.decode().then(
    () => isWanted() && setAttribute(image, "src", full),
    () => isWanted() && setText(message, ONLY_PREVIEW),
  )
}
