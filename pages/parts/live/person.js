// Stores a choice of the visitor, such as their name, in a cookie.

export default inOrder(({ data }) => {
  const year = 365 * 24 * 3600
  const secure = location.protocol === "https:" ? "; Secure" : ""
  document.cookie = `${data.name}=${encodeURIComponent(data.value)}; path=/; max-age=${year}; SameSite=Lax${secure}`
})
