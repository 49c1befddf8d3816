// Notifies components when their data has changed, without a run of the page.
//
//   GET url ──► answer ──► show(answer)         at once, and again after each change of one of the topics
//   WS /events ──► {"changes": [topic, …]}      one socket for each tab
//
// Only one request of a watcher runs at a time, with a pause in between. A 204 means that nothing has changed.

const live = (window.studioLive ??= createLive())

function createLive() {
  const RECONNECT_MS = 2000, PAUSE_MS = 150, HIDDEN_PAUSE_MS = 1000, CLOSE_MS = 3000, FALLBACK_MS = 60_000
  const watchers = new Map()
  let [socket, closing] = [null, null]

  function connect() {
    if (socket || watchers.size === 0) return
    socket = new WebSocket(new URL("events", document.baseURI.replace(/^http/, "ws")))
    socket.onopen = () => (document.documentElement.dataset.studio = "connected")
    socket.onmessage = ({ data }) => {
      const { changes } = JSON.parse(data)
      const isChanged = (topic) => changes.includes(topic) || changes.includes("everything")
      for (const { topics, refresh } of watchers.values()) if (topics.some(isChanged)) refresh()
    }
    socket.onclose = () => {
      socket = null
      delete document.documentElement.dataset.studio
      setTimeout(connect, RECONNECT_MS)
    }
  }

  // Components with the same source share its requests.
  function watch(source, show) {
    const key = JSON.stringify(source)
    if (!watchers.has(key)) watchers.set(key, createWatcher(source))
    const watcher = watchers.get(key)
    watcher.shows.add(show)
    if (watcher.last) show(watcher.last)
    clearTimeout(closing)
    connect()
    return () => {
      if (!watcher.shows.delete(show) || watcher.shows.size > 0) return
      watchers.delete(key)
      watcher.stop()
      // The next page may add watchers in a moment.
      closing = setTimeout(() => watchers.size === 0 && socket?.close(), CLOSE_MS)
    }
  }

  function createWatcher({ url, topics, params = {}, every = FALLBACK_MS }) {
    const watcher = { topics, refresh, shows: new Set(), last: null, stop }
    let [isAsking, isStale, isStopped] = [false, false, false]
    const wait = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds))

    async function ask() {
      const address = new URL(url, document.baseURI)
      address.search = new URLSearchParams({ ...params, seen: watcher.last?.seen ?? "" })
      const answer = await fetch(address)
      if (answer.status === 204 || isStopped) return
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
      const row = await answer.json()
      watcher.last = row
      for (const show of [...watcher.shows]) show(row)
    }

    async function refresh() {
      isStale = true
      if (isAsking) return
      isAsking = true
      while (isStale && !isStopped) {
        isStale = false
        try {
          await ask()
          await wait(document.hidden ? HIDDEN_PAUSE_MS : PAUSE_MS)
        } catch {
          isStale = true
          await wait(RECONNECT_MS)
        }
      }
      isAsking = false
    }

    function stop() {
      isStopped = true
      clearInterval(asking)
    }

    // For changes without a message, and for a dead connection that was not closed.
    const asking = setInterval(refresh, every)
    refresh()
    return watcher
  }

  return { watch }
}
