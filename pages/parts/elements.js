// How components make elements and bring them up to date. What people wrote only ever becomes text or an attribute.

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value)
    else if (name === "text") node.textContent = value
    else node.setAttribute(name, value === true ? "" : value)
  }
  node.append(...children.filter(Boolean))
  return node
}

function icon(name) {
  return make("span", { class: "icon", "aria-hidden": "true", "data-icon": name })
}

function setText(node, text) {
  if (node.textContent !== (text ?? "")) node.textContent = text ?? ""
  node.hidden = !text
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name)
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value)
}

// A drawing that is left out as long as it would be drawn from the same.
function drawn(draw) {
  let last = null
  return (...row) => {
    const word = JSON.stringify(row)
    if (word === last) return
    last = word
    draw(...row)
  }
}

// Only this server's own paths: nothing that a browser could take for another host. They are made relative to the page,
// since a proxy may serve the studio below a path.
function ownPath(address) {
  return typeof address === "string" && /^\/[^/\\\s]/.test(address) ? `.${address}` : null
}

// A key alone, and one that is a letter where somebody types.
const isPlain = ({ altKey, ctrlKey, metaKey, repeat }) => !altKey && !ctrlKey && !metaKey && !repeat
const isTyping = (event) => event.composedPath()[0].matches?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]")

// Keeps one view for each key: makes it, brings it up to date, forgets it. What stands right in the place is not touched, so
// that nothing loses its focus, its place or its animation.
function keyed(place, rows, views, keyOf, create) {
  const kept = new Map()
  for (const row of rows) {
    const view = views.get(keyOf(row)) ?? create(row)
    view.update(row)
    kept.set(keyOf(row), view)
    views.set(keyOf(row), view)
  }
  for (const [key, { element }] of [...views]) {
    if (kept.has(key)) continue
    element.remove()
    views.delete(key)
  }
  let next = place.firstElementChild
  for (const { element } of kept.values()) {
    if (element === next) next = next.nextElementSibling
    else place.insertBefore(element, next)
  }
}
