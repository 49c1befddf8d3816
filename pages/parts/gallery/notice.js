// Shows the number of pending pictures in the title of the tab, and notifies when all are done.

const TITLE = "Nano Banana Studio"

function createNotice(gallery) {
  const words = make("span", { text: "Notify me when done" })
  const ask = make("button", { type: "button", class: "button", onclick: permit }, icon("notifications"), words)
  const element = make("div", { class: "notice", hidden: true }, ask)
  let [pending, isDone] = [null, false]
  const permission = () => isSecureContext && globalThis.Notification?.permission

  function show(now) {
    if (now === null) return
    if (pending > 0 && now === 0 && document.hidden) tellDone()
    pending = now
    tick()
  }

  // Repeated, because each run of the page resets the title.
  function tick() {
    if (pending === null) return
    if (pending > 0 || !document.hidden) isDone = false
    element.hidden = pending === 0 || permission() !== "default"
    const title = pending > 0 ? `(${pending}) ${TITLE}` : isDone ? `Done · ${TITLE}` : TITLE
    if (document.title !== title) document.title = title
  }

  function tellDone() {
    isDone = true
    if (permission() !== "granted") return
    const options = { body: "All pictures are finished or failed.", tag: "studio-done" }
    const notification = new Notification(`Done · ${TITLE}`, options)
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  }

  async function permit() {
    const isAllowed = (await Notification.requestPermission()) === "granted"
    tick()
    gallery.say(isAllowed ? "You will be told when they are done" : "The browser does not let this page tell you", true)
  }

  function leave() {
    ;[pending, isDone] = [0, false]
    tick()
    pending = null
  }

  return { element, show, leave, tick }
}
