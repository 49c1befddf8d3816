// Streamlit calls a component anew whenever its data changes. While the script is still being loaded, an older call may come
// after a newer one, and either may end after the other has begun. An older call is left out, and the end of a call ends nothing
// that a later one goes on with.

function inOrder(draw) {
  return (call) => {
    const { data, parentElement } = call
    const calls = (parentElement.studioCalls ??= { session: null, number: 0 })
    const { session, number } = data
    const isOlder = session === calls.session && number < calls.number
    if (isOlder || !parentElement.isConnected) return
    Object.assign(calls, { session, number, last: call })
    const end = draw(call)
    return () => calls.last === call && end?.()
  }
}
