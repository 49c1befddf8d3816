// Streamlit calls a component again when its data changes. While the script is being loaded, an older call may come, or be cleaned
// up, after a newer one: both are ignored.

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
