// The small pieces that the gallery is built of. What people wrote only ever becomes text or an attribute.

const OPEN_STATES = new Set(["queued", "uploading", "sending", "running", "fetching"])

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

// Width over height, within what a row can show.
const ratioOf = ({ width, height }) => Math.min(2.6, Math.max(0.45, width / height || 1))

const hasPicture = (item) => Boolean(ownPath(item.thumbnail) ?? ownPath(item.picture))
// Ended without a picture that could be shown here.
const isEnded = (item) => !hasPicture(item) && !OPEN_STATES.has(item.state)

function seconds(value) {
  const whole = Math.max(0, Math.round(value))
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

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

// An action as a button. It says what it is by its label, and more of it when pointed at.
function createButton(press, properties = {}) {
  const picture = icon("")
  const label = make("span", {})
  const element = make("button", { type: "button", class: "button", ...properties }, picture, label)
  let action = null
  element.addEventListener("click", (event) => press(action, event))
  return {
    element,
    update(next) {
      action = next
      setAttribute(picture, "data-icon", next.icon)
      setText(label, next.label)
      setAttribute(element, "title", next.help || null)
      setAttribute(element, "aria-pressed", next.pressed ?? null)
      element.classList.toggle("is-primary", Boolean(next.primary))
    },
  }
}

// A link that browsers save under the given name while it streams; it looks and answers like the buttons beside it.
function createDownload() {
  const element = make("a", { role: "button", class: "button" }, icon("download"), make("span", { text: "Download" }))
  element.addEventListener("keydown", (event) => {
    if (event.key !== " ") return
    event.preventDefault()
    element.click()
  })
  return {
    element,
    update({ download }) {
      setAttribute(element, "href", ownPath(download.url))
      setAttribute(element, "download", download.name)
    },
  }
}

// A row of buttons: those that are always seen, and "More" for the rest.
function createActions(stage, context) {
  const element = make("div", { class: "actions" })
  const views = new Map()
  const press = (action, event) => stage.press(action, context(), event)
  const kinds = { download: createDownload, more: () => createMore(press), action: () => createButton(press) }
  return {
    element,
    update(actions, download) {
      const seen = actions.filter((action) => !action.menu).map((action) => ({ kind: "action", ...action }))
      const rest = actions.filter((action) => action.menu)
      const first = seen[0]?.id === "open" ? 1 : 0
      if (download && ownPath(download.url)) seen.splice(first, 0, { kind: "download", id: "", download })
      if (rest.length > 0) seen.push({ kind: "more", id: "", actions: rest })
      keyed(element, seen, views, (row) => `${row.kind} ${row.id}`, (row) => kinds[row.kind]())
      element.hidden = seen.length === 0
    },
  }
}
