// Wakes the fragment it stands in when something changed that the fragment, as it stands, has not seen.
//
// The server numbers its changes: a fragment comes with the number up to which it has seen them, and one socket, shared by all of
// a tab's fragments, tells the number of each topic's last change. What is behind is woken until it has caught up, so neither
// news nor a wake that gets lost leaves a page behind.

const shared = (window.__studioEvents ??= watchHands({
  socket: null,
  listeners: new Set(),
  since: 0,
  changes: {},
  isWaking: false,
  quietUntil: 0,
}))

// Streamlit runs only one fragment for all triggers of one moment, and a fragment that is woken before the page's own run
// has reached the browser takes part of that run away: the page then breaks. So each waits until nothing runs, and until
// what a person has just pressed is on its way.
const APART_MS = 40
const HANDS_MS = 150
// What changes all the time is not drawn all the time, so that a person's own doing comes through.
const CALM_MS = 400
// A wake that had no effect for so long is lost.
const LOST_MS = 2000
// After a loss Streamlit's own line has to stand again, too.
const RECONNECTED_MS = 3000

function watchHands(made) {
  const touched = () => (made.quietUntil = Math.max(made.quietUntil, performance.now() + HANDS_MS))
  for (const name of ["pointerdown", "pointerup", "change"]) document.addEventListener(name, touched, true)
  return made
}

function isIdle() {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState
  return performance.now() > shared.quietUntil && (state === undefined || state === "notRunning")
}

const isDue = ({ wokenAt, wokenFor, seen }) => performance.now() - wokenAt > (wokenFor === seen ? LOST_MS : CALM_MS)
const isBehind = ({ topics, seen }) => topics.some((topic) => (shared.changes[topic] ?? shared.since) > seen)

function wakeNext() {
  const behind = shared.isWaking ? [] : [...shared.listeners].filter(isBehind)
  if (behind.length === 0) return
  shared.isWaking = true
  const next = behind.find(isDue)
  if (next && isIdle()) {
    Object.assign(next, { wokenAt: performance.now(), wokenFor: next.seen })
    next.wake()
  }
  setTimeout(() => {
    shared.isWaking = false
    wakeNext()
  }, APART_MS)
}

function connect() {
  if (shared.socket || shared.listeners.size === 0) return
  const base = document.baseURI.replace(/^http/, "ws")
  const socket = (shared.socket = new WebSocket(new URL("/events", base)))
  socket.onmessage = (event) => {
    const { since, changes } = JSON.parse(event.data)
    if (since !== undefined) Object.assign(shared, { since, changes: {} })
    Object.assign(shared.changes, changes)
    wakeNext()
  }
  socket.onclose = () => {
    shared.socket = null
    shared.quietUntil = performance.now() + RECONNECTED_MS
    setTimeout(connect, 2000)
  }
}

export default function ({ data, setTriggerValue, parentElement }) {
  const before = parentElement.__listener
  const woken = { wokenAt: before?.wokenAt ?? -Infinity, wokenFor: before?.wokenFor }
  const listener = { ...data, ...woken, wake: () => setTriggerValue("changed", Date.now()) }
  shared.listeners.delete(before)
  parentElement.__listener = listener
  shared.listeners.add(listener)
  connect()
  wakeNext()
  return () => {
    shared.listeners.delete(listener)
    if (shared.listeners.size === 0) shared.socket?.close()
  }
}
