// While a component's script is being loaded, Streamlit may make an older call, or end it, after a newer one: both are ignored.

const [LEAVING_MS, LOOK_AGAIN_MS] = [10_000, 50]
const leaving = (window.studioLeaving ??= watchLinks())

function inOrder(draw) {
  return (call) => {
    const { data, parentElement } = call
    const last = parentElement.studioCall
    const isOlder = data.session === last?.data.session && data.number < last.data.number
    if (isOlder || !parentElement.isConnected) return
    parentElement.studioCall = call
    if (leaving.path !== location.pathname) leaving.path = null
    const states = (parentElement.studioStates ??= {})
    const setStateValue = (name, value) => send(call, name, Object.assign(states, { [name]: value }))
    const end = draw({ ...call, setStateValue })
    return () => parentElement.studioCall === call && end?.()
  }
}

// A state that is sent between a click on a link and the arrival of its page would bring this page back, so it waits.
function send(call, name, states, isLate = false) {
  const isLeaving = leaving.path === location.pathname && Date.now() - leaving.since < LEAVING_MS
  if (isLeaving) setTimeout(send, LOOK_AGAIN_MS, call, name, states, true)
  else if (!isLate || call.parentElement.isConnected) call.setStateValue(name, states[name])
}

function watchLinks() {
  const watched = { path: null, since: 0 }
  const onClick = ({ target }) => {
    const { origin, pathname } = target.closest?.("a[href]:not([target=_blank])") ?? location
    const isOther = origin === location.origin && pathname !== location.pathname
    if (isOther) Object.assign(watched, { path: location.pathname, since: Date.now() })
  }
  addEventListener("click", onClick, true)
  return watched
}
