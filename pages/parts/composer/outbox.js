// Hands presses of Generate over to the server until it says that it has them, across pages, reloads and lost connections.
//
// Each press has an id that is made here, under which the server writes it once: handing it over again does no harm. A press
// that another session began is not sent, since the form may have changed: its person can have what was pressed put into the form.

const [AGAIN_MS, NARROW, NAMED] = [10_000, "(max-width: 640px)", 60]
const presses = (window.studioPresses ??= createPresses())

function createPresses() {
  const known = { port: null, session: null, show: null }
  let [pending, again] = [read(PRESSES) ?? [], null]

  function keep(next) {
    pending = next
    write(PRESSES, pending)
  }

  function hand(next = pending) {
    clearTimeout(again)
    keep(next)
    known.port.setStateValue("presses", { list: pending, at: Date.now() })
    // It comes along with every message until it has been taken. This is for a line on which none is sent any more: sooner, it
    // would cross a change of page.
    again = setTimeout(hand, AGAIN_MS)
  }

  function add(press) {
    // The same before the first has been taken is a second click.
    const isSame = ({ session, text, rerun }) => session === known.session && text === press.text && rerun === press.rerun
    if (pending.some(isSame)) return
    hand([...pending, { session: known.session, ...press, id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` }])
  }

  function take({ session, handled, unsent }) {
    const isNew = session !== known.session
    known.session = session
    keep(pending.filter(({ id }) => !handled.includes(id)))
    known.show(pending.filter(({ id }) => unsent.includes(id)))
    if (pending.length === 0) clearTimeout(again)
    else if (isNew) hand()
  }

  // A press of Rerun is the same whatever the form holds.
  function resume({ id, rerun }) {
    const change = rerun ? { session: known.session } : { wanted: known.session }
    hand(pending.map((press) => (press.id === id ? { ...press, ...change } : press)))
  }

  const drop = ({ id }) => hand(pending.filter((press) => press.id !== id))

  return Object.assign(known, { add, take, resume, drop })
}

function nameOf({ rerun, form, text }) {
  if (rerun) return "a press of Rerun"
  const letters = [...text]
  return form?.as_table ? "your table" : `“${letters.slice(0, NAMED).join("")}${letters.length > NAMED ? "…" : ""}”`
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const find = (selector) => parentElement.querySelector(selector)
  const [notice, text, again, discard] = [".box", ".text", ".again", ".discard"].map(find)
  presses.port = { setStateValue }
  presses.show = (unsent) => {
    const last = unsent.at(-1)
    notice.hidden = !last
    if (!last) return
    const more = unsent.length > 1 ? ` and ${unsent.length - 1} more` : ""
    const advice = last.rerun ? "Rerun it" : "Put it into the form and press Generate"
    text.textContent = `Not sent: the connection was lost before ${nameOf(last)}${more} arrived. Not charged. ${advice} if you still want it.`
    again.textContent = last.rerun ? "Rerun" : "Put it into the form"
    again.onclick = ({ detail }) => detail < 2 && presses.resume(last)
    discard.onclick = ({ detail }) => detail < 2 && presses.drop(last)
  }
  presses.take(data)

  // The dock is folded where there is little room.
  presses.leave?.()
  const narrow = matchMedia(NARROW)
  const tell = () => narrow.matches !== data.isNarrow && setStateValue("narrow", narrow.matches)
  narrow.addEventListener("change", tell)
  tell()
  return (presses.leave = () => narrow.removeEventListener("change", tell))
})
