// Wakes the fragment it stands in when the server says that one of its topics changed.
// All of a tab's fragments share one socket.

const shared = (window.__studioEvents ??= watchHands({
  socket: null,
  listeners: new Set(),
  waiting: new Set(),
  busy: false,
  touchedAt: 0,
  heardAt: new Map(),
}))

function watchHands(made) {
  const touched = () => (made.touchedAt = performance.now())
  for (const name of ["pointerdown", "pointerup", "change"]) document.addEventListener(name, touched, true)
  return made
}

// Streamlit runs only one fragment for all triggers of one moment, and a fragment that is woken before the page's own run
// has reached the browser takes part of that run away: the page then breaks. So each waits until nothing runs, and until
// what a person has just pressed is on its way.
const APART_MS = 40
const HANDS_MS = 150

function isIdle() {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState
  const isUntouched = performance.now() - shared.touchedAt > HANDS_MS
  return isUntouched && (state === undefined || state === "notRunning")
}

// What changed while a fragment was being drawn was heard by nobody: it is made up for when its listener first stands.
const DRAWN_MS = 3000

function wasHeardLately(listener) {
  const lately = [...shared.heardAt].filter(([, at]) => performance.now() - at < DRAWN_MS).map(([topic]) => topic)
  return listener.hears(lately)
}

function tell(topics) {
  topics?.forEach((topic) => shared.heardAt.set(topic, performance.now()))
  shared.listeners.forEach((listener) => listener.hears(topics) && shared.waiting.add(listener))
  wakeNext()
}

function wakeNext() {
  const [listener] = shared.waiting
  if (shared.busy || !listener) return
  shared.busy = true
  if (isIdle()) {
    shared.waiting.delete(listener)
    if (shared.listeners.has(listener)) listener.wake()
  }
  setTimeout(() => {
    shared.busy = false
    wakeNext()
  }, APART_MS)
}

function connect() {
  if (shared.socket || shared.listeners.size === 0) return
  const base = document.baseURI.replace(/^http/, "ws")
  const socket = (shared.socket = new WebSocket(new URL("/events", base)))
  socket.onmessage = (event) => {
    tell(JSON.parse(event.data).topics)
  }
  socket.onopen = () => {
    // What changed before the line stood is made up for by one look; after a loss, once Streamlit's own stands again too.
    setTimeout(tell, shared.lost ? 3000 : 300, null)
    shared.lost = false
  }
  socket.onclose = () => {
    shared.socket = null
    shared.lost = true
    setTimeout(connect, 2000)
  }
}

export default function ({ data, setTriggerValue, parentElement }) {
  const wanted = new Set(data.topics)
  const listener = {
    hears: (topics) => topics === null || topics.some((topic) => wanted.has(topic)),
    wake: () => setTriggerValue("changed", Date.now()),
  }
  if (!parentElement.__listener && wasHeardLately(listener)) shared.waiting.add(listener)
  shared.listeners.delete(parentElement.__listener)
  parentElement.__listener = listener
  shared.listeners.add(listener)
  connect()
  wakeNext()
  return () => {
    shared.listeners.delete(listener)
    if (shared.listeners.size === 0) shared.socket?.close()
  }
}
