// The strip of thumbnails, in the order in which they are sent. They are moved by dragging, buttons or arrow keys.

const [DRAG_PX, HOLD_MS, SLIDE_MS] = [6, 250, 160]
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity }

function createStrip(tab, place, { root, say, show }) {
  const tiles = new Map()
  let shown = []

  const ids = () => shown.map(({ id }) => id)
  const nameOf = (id) => shown.find((item) => item.id === id)?.name

  function showItems(items) {
    if (drag.isOn()) return
    const had = root.activeElement
    shown = items
    const rows = items.map((item, index) => ({ item, number: index + 1, count: items.length }))
    keyed(place, rows, tiles, ({ item }) => item.id, ({ item }) => createTile(item.id, { move, remove }))
    // Moving the focused element removes its focus.
    if (had && had !== root.activeElement && had.isConnected) had.focus()
  }

  function put(id, index) {
    const order = ids().filter((other) => other !== id)
    order.splice(index, 0, id)
    if (order.join() === ids().join()) return
    slide(() => {
      tab.arrange(order)
      show()
    })
    say(`${nameOf(id)} is now reference ${order.indexOf(id) + 1} of ${order.length}`)
  }

  function move(id, step) {
    const index = Math.min(shown.length - 1, Math.max(0, ids().indexOf(id) + step))
    put(id, index)
    // At either end the clicked button is disabled.
    const { element } = tiles.get(id)
    if (!element.contains(root.activeElement) || root.activeElement.disabled) element.firstElementChild.focus()
  }

  function remove(id) {
    const [index, name] = [ids().indexOf(id), nameOf(id)]
    slide(() => {
      tab.remove(id)
      show()
    })
    say(`${name} was removed, ${shown.length} of ${tab.data.limit} left`)
    const next = tiles.get(ids()[Math.min(index, shown.length - 1)])
    const heir = next ? next.element.firstElementChild : root.querySelector("input")
    heir.focus()
  }

  // Animates elements that change their position.
  function slide(change) {
    const at = new Map([...place.children].map((node) => [node, [node.offsetLeft, node.offsetTop]]))
    change()
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return
    for (const node of place.children) {
      const [left, top] = at.get(node) ?? [node.offsetLeft, node.offsetTop]
      const [x, y] = [left - node.offsetLeft, top - node.offsetTop]
      if ((x || y) && !node.classList.contains("is-held"))
        node.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: SLIDE_MS, easing: "ease-out" })
    }
  }

  const drag = createDrag(place, { slide, drop: put, cancel: show })
  return { show: showItems }
}

function createTile(id, { move, remove }) {
  const button = (name, sign, press) => make("button", { type: "button", class: name, onclick: press }, icon(sign))
  const image = make("img", { draggable: "false", decoding: "async" })
  const sign = icon("")
  const blank = make("span", { class: "blank" }, sign)
  const badge = make("span", { class: "number", "aria-hidden": "true" })
  const out = button("remove", "close", () => remove(id))
  const left = button("left", "chevron_left", () => move(id, -1))
  const right = button("right", "chevron_right", () => move(id, 1))
  const frame = make("div", { class: "frame" }, image, blank, badge, out, left, right)
  const [name, facts] = [make("span", { class: "name" }), make("span", { class: "facts" })]
  let failed
  const tile = make("div", { class: "tile", role: "group", tabindex: "0", "aria-describedby": "keys" }, frame, name, facts)
  const element = make("li", { "data-id": id }, tile)

  image.addEventListener("error", () => {
    failed = image.getAttribute("src")
    showPicture(null, "hide_image")
  })
  tile.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (event.key in STEPS) move(id, STEPS[event.key])
    else if (event.key === "Delete" || event.key === "Backspace") remove(id)
    else return
    event.preventDefault()
  })

  function showPicture(address, instead) {
    setAttribute(image, "src", address)
    image.hidden = !address
    blank.hidden = Boolean(address)
    setAttribute(sign, "data-icon", instead)
  }

  function update({ item, number, count }) {
    const address = ownPath(item.thumbnail)
    if (address !== failed) showPicture(address, item.problem ? "broken_image" : "")
    setAttribute(image, "alt", `Reference ${number}`)
    setText(badge, String(number))
    setText(name, item.name)
    setAttribute(name, "title", item.name)
    setText(facts, item.facts)
    setAttribute(tile, "aria-label", `${number} of ${count}: ${item.name}. ${[item.facts, item.changed, item.problem].filter(Boolean).join(". ")}`)
    setAttribute(out, "aria-label", `Remove reference ${number}`)
    setAttribute(left, "aria-label", `Move reference ${number} left`)
    setAttribute(right, "aria-label", `Move reference ${number} right`)
    left.disabled = number === 1
    right.disabled = number === count
    element.classList.toggle("is-waiting", item.isWaiting)
    element.classList.toggle("is-bad", Boolean(item.problem))
  }

  return { element, update }
}

// Dragging: a tile follows the pointer, and the others make room. A finger must rest first, because it may be scrolling.
function createDrag(place, { slide, drop, cancel }) {
  let press = null

  const isOn = () => Boolean(press?.isHeld)
  const isOurs = (event) => event.pointerId === press?.pointerId
  const tiles = () => [...place.children]

  function down(event) {
    const element = event.target.closest("li")
    if (event.button !== 0 || !event.isPrimary || !element || event.target.closest("button") || tiles().length < 2) return
    const { pointerId, clientX: x, clientY: y, pointerType } = event
    press = { element, pointerId, x, y, isMouse: pointerType === "mouse", from: tiles().indexOf(element) }
    if (!press.isMouse) press.resting = setTimeout(lift, HOLD_MS)
  }

  function lift() {
    const { element, pointerId } = press
    Object.assign(press, { isHeld: true, left: element.offsetLeft, top: element.offsetTop })
    place.setPointerCapture(pointerId)
    element.classList.add("is-held")
    document.addEventListener("keydown", escape, true)
  }

  function move(event) {
    if (!isOurs(event)) return
    // The mouse button was released outside of the window.
    if (press.isMouse && event.buttons === 0) return end()
    const [x, y] = [event.clientX - press.x, event.clientY - press.y]
    if (!press.isHeld && Math.hypot(x, y) < DRAG_PX) return
    if (!press.isHeld && !press.isMouse) return end()
    if (!press.isHeld) lift()
    const { element, left, top } = press
    makeRoom(event)
    element.style.transform = `translate(${x + left - element.offsetLeft}px, ${y + top - element.offsetTop}px) scale(1.04)`
  }

  function makeRoom({ clientX, clientY }) {
    const { left, top } = place.getBoundingClientRect()
    const [x, y] = [clientX - left, clientY - top]
    const away = (node) => Math.hypot(x - node.offsetLeft - node.offsetWidth / 2, y - node.offsetTop - node.offsetHeight / 2)
    const nearest = tiles().reduce((best, node) => (away(node) < away(best) ? node : best))
    const [from, to] = [tiles().indexOf(press.element), tiles().indexOf(nearest)]
    // The other tiles are moved in the DOM: moving the dragged one would end its pointer events.
    if (to > from) slide(() => press.element.before(...tiles().slice(from + 1, to + 1)))
    else if (to < from) slide(() => press.element.after(...tiles().slice(to, from)))
  }

  function end(isDropped) {
    if (!press) return
    const { element, from, isHeld, resting } = press
    clearTimeout(resting)
    document.removeEventListener("keydown", escape, true)
    element.classList.remove("is-held")
    element.style.transform = ""
    press = null
    const index = tiles().indexOf(element)
    if (isHeld && isDropped && index !== from) drop(element.dataset.id, index)
    else if (isHeld) cancel()
  }

  function escape(event) {
    if (event.key !== "Escape") return
    event.preventDefault()
    event.stopPropagation()
    end()
  }

  place.addEventListener("pointerdown", down)
  place.addEventListener("pointermove", move)
  place.addEventListener("pointerup", (event) => isOurs(event) && end(true))
  place.addEventListener("pointercancel", () => end())
  place.addEventListener("lostpointercapture", () => end())
  place.addEventListener("touchmove", (event) => isOn() && event.cancelable && event.preventDefault(), { passive: false })
  place.addEventListener("contextmenu", (event) => press && !press.isMouse && event.preventDefault())
  return { isOn }
}
