// Zooms and pans one picture, or several in step: wheel, double click, pinch, drag, and the calls of buttons and keys.
// The scale is 1 where a picture fits its frame; places are pixels from the frame's middle.

const DEEPEST = 12
const SWIPE_PX = 60

function createZoom(surface, { frames, changed, swiped }) {
  const view = { scale: 1, x: 0, y: 0 }
  const pointers = new Map()
  let began = null
  let clickedAt = 0

  const between = (low, value, high) => Math.min(high, Math.max(low, value))
  const imageOf = (frame) => frame.querySelector("img")

  function fit() {
    for (const frame of frames()) {
      const image = imageOf(frame)
      if (!image) continue
      const [width, height] = [Number(image.dataset.width) || 1, Number(image.dataset.height) || 1]
      const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height)
      image.style.width = `${Math.round(width * scale)}px`
      image.style.height = `${Math.round(height * scale)}px`
    }
    show()
  }

  function room(side) {
    const [inner, outer] = side === "x" ? ["offsetWidth", "clientWidth"] : ["offsetHeight", "clientHeight"]
    const over = frames().map((frame) => ((imageOf(frame)?.[inner] ?? 0) * view.scale - frame[outer]) / 2)
    return Math.max(0, ...over)
  }

  function show() {
    view.x = between(-room("x"), view.x, room("x"))
    view.y = between(-room("y"), view.y, room("y"))
    for (const frame of frames()) {
      const image = imageOf(frame)
      if (image) image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`
    }
    surface.classList.toggle("is-deep", view.scale > 1)
    changed?.(view)
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

  function placed(event) {
    const frame = frames().find((one) => one.contains(event.target)) ?? frames()[0]
    const at = frame.getBoundingClientRect()
    return { x: event.clientX - at.left - at.width / 2, y: event.clientY - at.top - at.height / 2 }
  }

  const spread = ([one, other]) => Math.hypot(one.x - other.x, one.y - other.y)
  const middle = ([one, other]) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 })

  function onDown(event) {
    if (event.button !== 0 || event.target.closest("button, a, input")) return
    surface.setPointerCapture(event.pointerId)
    pointers.set(event.pointerId, placed(event))
    began = pointers.size === 1 ? { ...placed(event), touch: event.pointerType === "touch" } : null
  }

  function onMove(event) {
    if (!pointers.has(event.pointerId)) return
    const before = [...pointers.values()]
    const was = pointers.get(event.pointerId)
    const now = placedLike(event, was)
    pointers.set(event.pointerId, now)
    if (pointers.size === 2) {
      const after = [...pointers.values()]
      zoomTo((view.scale * spread(after)) / Math.max(1, spread(before)), middle(after))
      pan(middle(after).x - middle(before).x, middle(after).y - middle(before).y)
    } else if (view.scale > 1) pan(now.x - was.x, now.y - was.y)
  }

  // A captured pointer's target is the surface: where it is within its frame follows from how far it went.
  function placedLike(event, was) {
    const moved = { x: event.clientX - (was.clientX ?? event.clientX), y: event.clientY - (was.clientY ?? event.clientY) }
    return { x: was.x + moved.x, y: was.y + moved.y, clientX: event.clientX, clientY: event.clientY }
  }

  function onUp(event) {
    const last = pointers.get(event.pointerId)
    pointers.delete(event.pointerId)
    if (!last || !began || view.scale > 1) return
    const [x, y] = [last.x - began.x, last.y - began.y]
    if (began.touch && Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) swiped?.(x < 0 ? 1 : -1)
    began = null
  }

  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault()
      zoomTo(view.scale * Math.exp(-between(-120, event.deltaY, 120) / 300), placed(event))
    },
    { passive: false },
  )
  surface.addEventListener("dblclick", (event) => {
    if (event.target.closest("button, a, input")) return
    if (view.scale > 1) reset()
    else zoomTo(2.5, placed(event))
  })
  surface.addEventListener("pointerdown", onDown)
  surface.addEventListener("pointermove", onMove)
  surface.addEventListener("pointerup", onUp)
  surface.addEventListener("pointercancel", onUp)
  const watch = new ResizeObserver(fit)
  watch.observe(surface)

  const steps = { "+": () => zoomTo(view.scale * 1.4), "=": () => zoomTo(view.scale * 1.4), "-": () => zoomTo(view.scale / 1.4), 0: reset }
  return { fit, reset, zoomTo, view, key: (key) => steps[key]?.(), knows: (key) => key in steps, leave: () => watch.disconnect() }
}
