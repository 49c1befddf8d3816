// Creates and updates elements. Text of people only becomes text nodes and attributes, never HTML.

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

// Wraps a draw function so that it is skipped while its arguments are the same.
function drawn(draw) {
  let last = null
  return (...row) => {
    const key = JSON.stringify(row)
    if (key === last) return
    last = key
    draw(...row)
  }
}

// Accepts only paths on this server, nothing that a browser could read as another host. Makes them relative to the page,
// because a proxy may serve the studio below a path.
function ownPath(address) {
  return typeof address === "string" && /^\/[^/\\\s]/.test(address) ? `.${address}` : null
}

// Whether a key was pressed without modifiers, and whether in a text field.
const isPlain = ({ altKey, ctrlKey, metaKey, repeat }) => !altKey && !ctrlKey && !metaKey && !repeat
const isTyping = (event) => event.composedPath()[0].matches?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]")

// Keeps one view for each key: creates, updates and removes them. Elements in the right position are not touched, so that
// they keep focus, scroll position and animation.
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
