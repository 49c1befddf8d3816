// The browser's tab tells a person who looks elsewhere how many pictures are still to come, and that they are there.

function createNotice(stage) {
  const words = make("span", { text: "Notify me when done" })
  const ask = make("button", { type: "button", class: "button" }, icon("notifications"), words)
  const element = make("div", { class: "notice" }, ask)
  let [name, pending, isDone, title] = [null, 0, false, null]

  function show(notify) {
    const before = pending
    pending = notify?.pending ?? 0
    name = notify?.title ?? name
    if (before > 0 && pending === 0 && document.hidden) tellDone()
    if (pending > 0) isDone = false
    refresh()
  }

  function refresh() {
    element.hidden = pending === 0 || !isSecureContext || globalThis.Notification?.permission !== "default"
    const wanted = pending > 0 ? `(${pending}) ${name}` : isDone ? `Done · ${name}` : null
    if (wanted === null && title !== null) document.title = name
    title = wanted
    holdTitle()
  }

  // Streamlit writes the page's own title again whenever the page runs.
  function holdTitle() {
    if (title !== null && document.title !== title) document.title = title
  }

  function tellDone() {
    isDone = true
    if (globalThis.Notification?.permission !== "granted") return
    const told = { body: "Every picture has come or has ended.", tag: "studio-done" }
    const notification = new Notification(`Done · ${name}`, told)
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  }

  async function permit() {
    const answer = await Notification.requestPermission()
    refresh()
    const isAllowed = answer === "granted"
    stage.say(isAllowed ? "You will be told when they are done" : "The browser does not let this page tell you", true)
  }

  function onSeen() {
    if (document.hidden || !isDone) return
    isDone = false
    refresh()
  }

  document.addEventListener("visibilitychange", onSeen)
  ask.addEventListener("click", permit)

  function leave() {
    document.removeEventListener("visibilitychange", onSeen)
    if (title !== null) document.title = name
    title = null
  }

  return { element, show, leave, tick: holdTitle }
}
