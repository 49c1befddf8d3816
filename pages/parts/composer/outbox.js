// Hands presses of Generate over to the server until it says that it has them, across pages, reloads and lost connections.
//
// Each press has an id that is made here, under which the server writes it once: handing it over again does no harm. A press
// that another session began is not sent by itself, since the form may have changed: its person is asked.

const [AGAIN_MS, NARROW] = [10_000, "(max-width: 640px)"]
const presses = (window.studioPresses ??= createPresses())

function createPresses() {
  const known = { port: null, session: null, show: null }
  let [pending, again, attempt] = [read(PRESSES) ?? [], null, 0]

  function keep(next) {
    pending = next
    write(PRESSES, pending)
  }

  function hand() {
    clearTimeout(again)
    if (pending.length === 0 || !known.port) return
    attempt += 1
    known.port.setStateValue("presses", { list: pending, attempt })
    // It comes along with every message until it has been taken. This is for a line on which none is sent any more: sooner, it
    // would cross a change of page.
    again = setTimeout(hand, AGAIN_MS)
  }

  function add(press) {
    // The same before the first has been taken is a second click.
    const isSame = ({ session, text, rerun }) => session === known.session && text === press.text && rerun === press.rerun
    if (pending.some(isSame)) return
    keep([...pending, { revision: null, session: known.session, ...press, id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` }])
    hand()
  }

  function take({ session, handled, unsent }) {
    const isNew = session !== known.session
    known.session = session
    const left = pending.filter(({ id }) => !handled.includes(id))
    if (left.length !== pending.length) keep(left)
    known.show(pending.filter(({ id }) => unsent.includes(id)))
    const waiting = pending.filter(({ id }) => !unsent.includes(id))
    if (waiting.length === 0) clearTimeout(again)
    else if (isNew) hand()
  }

  function send(ids) {
    keep(pending.map((press) => (ids.includes(press.id) ? { ...press, session: known.session, revision: null } : press)))
    hand()
  }

  function drop(ids) {
    keep(pending.filter(({ id }) => !ids.includes(id)))
    known.show([])
  }

  return Object.assign(known, { add, take, send, drop })
}

export default function ({ data, setStateValue, parentElement }) {
  const [notice, sendNow, discard] = [".notice", ".send", ".discard"].map((selector) => parentElement.querySelector(selector))
  presses.port = { setStateValue }
  presses.show = (unsent) => {
    const ids = unsent.map(({ id }) => id)
    notice.hidden = ids.length === 0
    sendNow.onclick = () => presses.send(ids)
    discard.onclick = () => presses.drop(ids)
  }
  presses.take(data)

  // The dock is folded where there is little room.
  presses.leave?.()
  const narrow = matchMedia(NARROW)
  const tell = () => narrow.matches !== data.isNarrow && setStateValue("narrow", narrow.matches)
  narrow.addEventListener("change", tell)
  tell()
  return (presses.leave = () => narrow.removeEventListener("change", tell))
}
