// Wakes the fragment it stands in when the server says that one of its topics changed.
// All of a tab's fragments share one socket.

const shared = (window.__studioEvents ??= { socket: null, listeners: new Set() })

function connect() {
  if (shared.socket || shared.listeners.size === 0) return
  const base = document.baseURI.replace(/^http/, "ws")
  const socket = (shared.socket = new WebSocket(new URL("/events", base)))
  socket.onmessage = (event) => {
    const topics = JSON.parse(event.data).topics
    shared.listeners.forEach((hear) => hear(topics))
  }
  socket.onclose = () => {
    shared.socket = null
    // Whatever changed while the line was down is made up for by one look.
    setTimeout(() => {
      connect()
      shared.listeners.forEach((hear) => hear(null))
    }, 2000)
  }
}

export default function ({ data, setTriggerValue, parentElement }) {
  const wanted = new Set(data.topics)
  const hear = (topics) => {
    if (topics === null || topics.some((topic) => wanted.has(topic))) {
      setTriggerValue("changed", (parentElement.__count = (parentElement.__count ?? 0) + 1))
    }
  }
  shared.listeners.delete(parentElement.__hear)
  parentElement.__hear = hear
  shared.listeners.add(hear)
  connect()
  return () => {
    shared.listeners.delete(hear)
    if (shared.listeners.size === 0) shared.socket?.close()
  }
}
