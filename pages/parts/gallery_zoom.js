// Zooms and pans one picture, or several in step: wheel, double click, pinch, drag, and the calls of buttons and keys.
// The scale is 1 where a picture fits its frame; places are pixels from a frame's middle.

const DEEPEST = 12
const CLOSER = 1.4
const PAN_PX = 80
const SWIPE_PX = 60

function createZoom(surface, { frames, changed, swiped, dragged }) {
  const view = { scale: 1, x: 0, y: 0 }
  const pointers = new Map()
  let [active, began] = [null, null]

  const between = (low, value, high) => Math.min(high, Math.max(low, value))
  const imageOf = (frame) => frame.querySelector("img")

  function fit() {
    for (const frame of frames()) {
      const image = imageOf(frame)
      const [width, height] = [Number(image.dataset.width) || 1, Number(image.dataset.height) || 1]
      const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height)
      image.style.width = `${Math.round(width * scale)}px`
      image.style.height = `${Math.round(height * scale)}px`
    }
    show()
  }

  // How far a picture reaches beyond its frame on each side: no one can lose it out of sight.
  function room(inner, outer) {
    const over = frames().map((frame) => (imageOf(frame)[inner] * view.scale - frame[outer]) / 2)
    return Math.max(0, ...over)
  }

  function show() {
    const [wide, high] = [room("offsetWidth", "clientWidth"), room("offsetHeight", "clientHeight")]
    view.x = between(-wide, view.x, wide)
    view.y = between(-high, view.y, high)
    const moved = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`
    for (const frame of frames()) imageOf(frame).style.transform = moved
    surface.classList.toggle("is-deep", view.scale > 1)
    changed(view)
  }

  function zoomTo(scale, at = { x: 0, y: 0 }) {
    const next = between(1, scale, DEEPEST)
    view.x = at.x - ((at.x - view.x) * next) / view.scale
    view.y = at.y - ((at.y - view.y) * next) / view.scale
    view.scale = next
    show()
  }

  function reset() {
    Object.assign(view, { scale: 1, x: 0, y: 0 })
    show()
  }

  function pan(x, y) {
    view.x += x
    view.y += y
    show()
  }

  function frameAt(event) {
    const holds = ({ left, right, top, bottom }) =>
      event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom
    return frames().find((frame) => holds(frame.getBoundingClientRect())) ?? frames()[0]
  }

  function placed(event, frame) {
    const at = frame.getBoundingClientRect()
    return { x: event.clientX - at.left - at.width / 2, y: event.clientY - at.top - at.height / 2 }
  }

  const isTool = (event) => Boolean(event.target.closest("button, a, input"))
  const spread = ([one, other]) => Math.hypot(one.x - other.x, one.y - other.y)
  const middle = ([one, other]) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 })

  function onDown(event) {
    if (event.button !== 0 || isTool(event)) return
    surface.setPointerCapture(event.pointerId)
    if (pointers.size === 0) active = frameAt(event)
    const at = placed(event, active)
    pointers.set(event.pointerId, at)
    began = pointers.size === 1 && event.pointerType === "touch" ? at : null
  }

  function onMove(event) {
    const was = pointers.get(event.pointerId)
    if (!was) return
    const before = [...pointers.values()]
    const now = placed(event, active)
    pointers.set(event.pointerId, now)
    const after = [...pointers.values()]
    if (after.length === 2) {
      zoomTo((view.scale * spread(after)) / Math.max(1, spread(before)), middle(before))
      pan(middle(after).x - middle(before).x, middle(after).y - middle(before).y)
    } else if (view.scale > 1) pan(now.x - was.x, now.y - was.y)
    else dragged(event)
  }

  function onUp(event) {
    const last = pointers.get(event.pointerId)
    pointers.delete(event.pointerId)
    if (!last || !began || view.scale > 1) return
    const [x, y] = [last.x - began.x, last.y - began.y]
    began = null
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) swiped(x < 0 ? 1 : -1)
  }

  function onWheel(event) {
    event.preventDefault()
    zoomTo(view.scale * Math.exp(-between(-120, event.deltaY, 120) / 300), placed(event, frameAt(event)))
  }

  function onDoubleClick(event) {
    if (isTool(event)) return
    if (view.scale > 1) reset()
    else zoomTo(2.5, placed(event, frameAt(event)))
  }

  surface.addEventListener("wheel", onWheel, { passive: false })
  surface.addEventListener("dblclick", onDoubleClick)
  surface.addEventListener("pointerdown", onDown)
  surface.addEventListener("pointermove", onMove)
  surface.addEventListener("pointerup", onUp)
  surface.addEventListener("pointercancel", onUp)
  const watch = new ResizeObserver(fit)
  watch.observe(surface)

  const keys = {
    "+": () => zoomTo(view.scale * CLOSER),
    "=": () => zoomTo(view.scale * CLOSER),
    "-": () => zoomTo(view.scale / CLOSER),
    0: reset,
    "Shift ArrowLeft": () => pan(PAN_PX, 0),
    "Shift ArrowRight": () => pan(-PAN_PX, 0),
    "Shift ArrowUp": () => pan(0, PAN_PX),
    "Shift ArrowDown": () => pan(0, -PAN_PX),
  }

  // Says whether the key was one of its own.
  function heard(event) {
    const name = event.shiftKey && event.key.startsWith("Arrow") ? `Shift ${event.key}` : event.key
    if (!keys[name] || event.ctrlKey || event.metaKey || event.altKey) return false
    keys[name]()
    return true
  }

  return { fit, reset, heard, closer: keys["+"], wider: keys["-"], leave: () => watch.disconnect() }
}

function createTool(symbol, label, press) {
  const named = { "aria-label": label, title: label }
  return make("button", { type: "button", class: "tool", ...named, onclick: press }, icon(symbol))
}

// The bar below a picture: out, how deep, in, all of it.
function createZoomTools(zoom, ...more) {
  const level = make("span", { class: "level" })
  const element = make(
    "div",
    { class: "tools" },
    createTool("remove", "Zoom out", () => zoom().wider()),
    level,
    createTool("add", "Zoom in", () => zoom().closer()),
    createTool("fit_screen", "Fit to the window", () => zoom().reset()),
    ...more,
  )
  return { element, show: (view) => setText(level, `${Math.round(view.scale * 100)} %`) }
}

const ONLY_PREVIEW = "The whole picture did not load, so this is its preview. Nothing was spent: open it again."

// Shows what is small at once and the whole picture when it has come, and says so when it does not.
function showWhole(image, item, tellFailure) {
  const [small, full] = [ownPath(item.thumbnail), ownPath(item.picture)]
  const isOther = image.dataset.id !== item.id
  if (!isOther && image.dataset.full === full) return
  Object.assign(image.dataset, { id: item.id, width: item.width, height: item.height, full: full ?? "" })
  image.alt = item.alt
  if (isOther) {
    // Without this the picture before would stand in the new one's shape until that has come.
    image.removeAttribute("src")
    image.src = small ?? full
  }
  tellFailure("")
  if (!full || full === small) return
  const whole = new Image()
  whole.src = full
  const isWanted = () => image.dataset.full === full
  whole.decode().then(
    () => isWanted() && setAttribute(image, "src", full),
    () => isWanted() && tellFailure(ONLY_PREVIEW),
  )
}
