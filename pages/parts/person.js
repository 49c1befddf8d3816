// Keeps the visitor's name for their next visit.

export default function ({ data }) {
  const year = 365 * 24 * 3600
  document.cookie = `studio_person=${encodeURIComponent(data.name)}; path=/; max-age=${year}; SameSite=Lax`
}
