// Streamlit calls a component anew whenever its data changes. While the script is still being loaded, an older call may come
// after a newer one, and either may end after the other has begun. An older call is left out, and the end of a call ends nothing
// that a later one goes on with.

function inOrder(draw) {
  return (call) => {
    const { data, parentElement } = call
    const last = parentElement.studioCall
    const isOlder = data.session === last?.data.session && data.number < last.data.number
    if (isOlder || !parentElement.isConnected) return
    parentElement.studioCall = call
    const end = draw(call)
    return () => parentElement.studioCall === call && end?.()
  }
}
