// Wakes the fragment it stands in when something changed that the fragment, as it stands, has not seen.
//
// The server numbers its changes: a fragment comes with the number up to which it has seen them, and one socket, shared by all of
// a tab's fragments, tells the number of each topic's last change. What is behind is woken until it has caught up, so neither
// news nor a wake that gets lost leaves a page behind.

const shared = (window.__studioEvents ??= watchLine(watchHands({
  socket: null,
  listeners: new Set(),
  since: 0,
  changes: {},
  isWaking: false,
  quietUntil: 0,
  asked: 0,
  askedAt: 0,
  isDown: false,
  held: [],
})))

// Streamlit runs only one fragment for all triggers of one moment, and a fragment that is woken before the page's own run
// has reached the browser takes part of that run away: the page then breaks. A wake also tells every field as it stands here:
// one that left before the answer to a press had come would undo what the press had changed. So each waits until what a person
// has just pressed is on its way, and until all that Streamlit was asked for is answered and nothing runs.
const APART_MS = 40
// On Streamlit's line: how a message begins that asks for a run, and one that says how a run has ended; that it begins anew.
const ASKS_FOR_A_RUN = 0x5a, RUN_HAS_ENDED = 0x30, BEGINS_ANEW = 2
const HASH = 0x0a, METADATA = 0x12
// Two that are asked for at once may have one answer.
const UNANSWERED_MS = 3000
const HANDS_MS = 150
// A finger that stays down for longer drags something, or selects a text.
const PRESS_MS = 700
// What changes all the time is not drawn all the time, so that a person's own doing comes through.
const CALM_MS = 400
// A wake that had no effect for so long is lost.
const LOST_MS = 2000
// After a loss Streamlit's own line has to stand again, too.
const RECONNECTED_MS = 3000

function watchHands(made) {
  const touched = () => (made.quietUntil = Math.max(made.quietUntil, performance.now() + HANDS_MS))
  for (const name of ["pointerdown", "pointerup", "change"]) document.addEventListener(name, touched, true)
  const letGo = () => {
    made.isDown = false
    for (const send of made.held.splice(0)) send()
  }
  const press = () => {
    made.isDown = true
    clearTimeout(made.lettingGo)
    made.lettingGo = setTimeout(letGo, PRESS_MS)
  }
  document.addEventListener("pointerdown", press, true)
  // The click comes first.
  for (const name of ["pointerup", "pointercancel", "dragstart"]) {
    document.addEventListener(name, () => setTimeout(letGo), true)
  }
  window.addEventListener("pagehide", letGo)
  return made
}

// Counts what Streamlit is asked for and has not answered yet. Who leaves a field by a press on a button would have the field's
// answer before the finger is up: what stands above the button may come or go by it, and the click would miss. So what is asked
// while a finger is down is sent when it is up.
function watchLine(made) {
  const send = WebSocket.prototype.send, heard = new WeakSet()
  WebSocket.prototype.send = function (message) {
    if (message instanceof Uint8Array && message[0] === ASKS_FOR_A_RUN) {
      Object.assign(made, { asked: made.asked + 1, askedAt: performance.now() })
      if (!heard.has(this)) {
        heard.add(this)
        this.addEventListener("message", ({ data }) => isAnswer(data) && (made.asked = Math.max(0, made.asked - 1)))
      }
      if (made.isDown) {
        made.held.push(() => send.call(this, message))
        return
      }
    }
    send.call(this, message)
  }
  return made
}

function isAnswer(data) {
  if (!(data instanceof ArrayBuffer)) return false
  const bytes = new Uint8Array(data)
  let at = 0
  while (bytes[at] === HASH || bytes[at] === METADATA) {
    let length = 0, shift = 0
    do length |= (bytes[++at] & 0x7f) << (7 * shift++)
    while (bytes[at] & 0x80)
    at += 1 + length
  }
  return bytes[at] === RUN_HAS_ENDED && bytes[at + 1] !== BEGINS_ANEW
}

function isAnswered() {
  if (performance.now() - shared.askedAt > UNANSWERED_MS) shared.asked = 0
  return shared.asked === 0
}

function isIdle() {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState
  const isStill = state === undefined || state === "notRunning"
  return performance.now() > shared.quietUntil && isStill && isAnswered()
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
