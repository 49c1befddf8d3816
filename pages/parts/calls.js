// Streamlit calls a component anew when its data changes. While its script is being loaded, an older call may come, or end, after
// a newer one: such a call is left out, and such an end ends nothing.

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
