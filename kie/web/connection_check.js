// Shows why a page stays blank: its websockets do not open, usually because a proxy does not pass them on.

// A working page has connected after SETTLE_MS. The notice appears after 5 s in total.
const SETTLE_MS = 2000
const PATIENCE_MS = 3000
const script = document.currentScript.src
// Where the studio is, below whatever path a proxy gives it.
const root = new URL("..", script)
let shown = null

// Set by the components of a working page (live.js).
const isConnected = () => document.documentElement.dataset.studio === "connected"

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds))

function opens() {
  const socket = new WebSocket(new URL("events", root.href.replace(/^http/, "ws")))
  const answer = new Promise((settle) => {
    socket.onopen = () => settle(true)
    socket.onclose = () => settle(false)
  })
  return Promise.race([answer, pause(PATIENCE_MS)]).finally(() => socket.close())
}

async function reasons() {
  const answer = await fetch(new URL("connection", script)).catch(() => null)
  if (!answer?.ok) return ["The studio does not answer at all: check that it runs, and look at its log."]
  const { host, public_url } = await answer.json()
  const address = root.href.replace(/\/$/, "")
  const seen =
    `Your browser is at ${address}. The studio was asked for as ${host || "nothing"}, ` +
    `and its setting KIE_PUBLIC_URL is ${public_url || "not set"}.`
  if (address !== public_url && location.host !== host) {
    return [
      seen,
      `Set KIE_PUBLIC_URL to ${address} and start the studio again, or let the proxy pass on the Host header ` +
        "with its port (nginx: proxy_set_header Host $http_host).",
    ]
  }
  return [
    seen,
    "A proxy in front of the studio must pass websockets on " +
      "(nginx: proxy_http_version 1.1, and the headers Upgrade and Connection).",
    "Safari sends no password of basic authentication with a websocket: use another browser, or another way to sign in.",
  ]
}

function element(name, text, style = {}) {
  const made = document.createElement(name)
  made.textContent = text
  Object.assign(made.style, style)
  return made
}

function notice(sentences) {
  // System colours are readable in light and dark mode.
  const made = element("div", "", {
    position: "fixed", inset: "1rem 1rem auto", margin: "0 auto", maxWidth: "44rem", zIndex: "2147483647", padding: "1rem",
    colorScheme: "light dark", background: "Canvas", color: "CanvasText", border: "2px solid CanvasText", borderRadius: "0.5rem",
    font: "16px/1.5 system-ui, sans-serif", overflowWrap: "anywhere",
  })
  made.setAttribute("role", "alert")
  const list = element("ul", "", { margin: "0.5rem 0", paddingLeft: "1.25rem", listStyle: "disc" })
  list.append(...sentences.map((sentence) => element("li", sentence)))
  const close = element("button", "Hide", { font: "inherit", color: "inherit", background: "none", border: "1px solid", padding: "0.25rem 1rem" })
  close.onclick = () => (made.hidden = true)
  made.append(
    element("strong", "This page can't reach the studio."),
    element("div", "Its live connection (a websocket) does not open. Nothing was sent."),
    list,
    close,
  )
  return made
}

async function look() {
  const [isOpen] = isConnected() ? [true] : await Promise.all([opens(), pause(PATIENCE_MS)])
  if (isOpen || isConnected()) {
    shown?.remove()
    return
  }
  if (!shown) {
    shown = notice(await reasons())
    document.body.append(shown)
  }
  setTimeout(look, SETTLE_MS)
}

setTimeout(look, SETTLE_MS)
