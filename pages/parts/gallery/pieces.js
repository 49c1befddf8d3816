// Small elements that the gallery is built of.

const OPEN_STATES = new Set(["queued", "uploading", "sending", "running", "fetching"])

// Width divided by height, limited to what a row can show.
const ratioOf = ({ width, height }) => Math.min(2.6, Math.max(0.45, width / height || 1))

const hasPicture = (item) => Boolean(ownPath(item.thumbnail) ?? ownPath(item.picture))
// The job has ended without a picture that can be shown.
const isEnded = (item) => !hasPicture(item) && !OPEN_STATES.has(item.state)

function seconds(value) {
  const whole = Math.max(0, Math.round(value))
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

// A button for an action.
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
    },
  }
}

// A download link that looks and reacts like the buttons beside it.
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

// A row of buttons, and a "More" menu for the rest.
function createActions(gallery, context) {
  const element = make("div", { class: "actions" })
  const views = new Map()
  const press = (action, event) => gallery.press(action, context(), event)
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
