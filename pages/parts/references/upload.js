// Uploads a file, and returns the reason in words if it fails. A proxy may answer instead of the studio.

const AWAY = "The studio can't be reached: check that it runs, and add this again."
const SLOW = "The upload took too long for the proxy or the studio: add it again; if it happens again, let the proxy wait longer."
const SIGNED_OUT = "You are signed out: the proxy in front of the studio asked to sign in. Reload the page, sign in, and add it again."
const LOST = "It did not reach the server: add it again."
const REASONS = { 401: SIGNED_OUT, 408: SLOW, 502: AWAY, 503: AWAY, 504: SLOW }

// Returns {"id": …} or {"refusal": "the reason"}, or null after an abort. `begin` gets the request, `show` the sent fraction.
async function upload(path, file, { headers = {}, begin = () => {}, show = () => {} } = {}) {
  const request = new XMLHttpRequest()
  request.open("POST", new URL(path, document.baseURI))
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
  request.responseType = "text"
  request.upload.onprogress = ({ loaded, total }) => show(total > 0 ? loaded / total : 0)
  begin(request)
  const end = await new Promise((settle) => {
    for (const name of ["load", "error", "abort"]) request.addEventListener(name, () => settle(name))
    request.send(file)
  })
  if (end === "abort") return null
  if (end === "error") return { refusal: await reasonOfSilence() }
  const answer = parsed(request.response)
  if (answer?.id || answer?.refusal) return answer
  return { refusal: reasonOf(request.status, request.getResponseHeader("content-type"), file) }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function reasonOf(status, type, file) {
  if (status === 413 && file) {
    const size = `${(Math.ceil((file.size * 10) / 2 ** 20) / 10).toFixed(1)} MB`
    return (
      `The proxy in front of the studio takes no file of ${size}: save it smaller, or raise the proxy's limit ` +
      "(client_max_body_size in nginx, max_size in Caddy; README, “For a team”)."
    )
  }
  const isPage = type?.startsWith("text/html") && [200, 403].includes(status)
  return REASONS[status] ?? (isPage ? SIGNED_OUT : LOST)
}

// For a script, a redirect to the sign-in page of another site looks like a lost connection.
async function reasonOfSilence() {
  const url = new URL("healthz", document.baseURI)
  const answer = await fetch(url, { redirect: "manual", cache: "no-store" }).catch(() => null)
  if (!answer) return LOST
  return answer.type === "opaqueredirect" ? SIGNED_OUT : reasonOf(answer.status, answer.headers.get("content-type"))
}
