/** The URLs in clients' configurations. Pure. */
import { AppError } from '../../../base/errors.ts'
import type { ClientUpstream } from '../../ecosystem.ts'
import { isPypiDefaultUrl } from '../default-upstream.ts'
import { PYPI_UPSTREAM } from '../routes.ts'

/**
 * The index that `value` names, as an upstream; none if it is the default.
 * @throws usage.config if it is no http(s) URL, or holds a password: that is for the node's own configuration to keep
 */
export function namedIndex(value: string, key: string, path: string): ClientUpstream[] {
  if (value === '') return []
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError('usage.config', `${path} is not changed: its ${key} is no http(s) URL`, { data: { path } })
  }
  if (url.username !== '' || url.password !== '') {
    const hint = `give the index to the node as upstream ${PYPI_UPSTREAM} with its credentials, and take it out here`
    throw new AppError('usage.config', `${path} is not changed: its ${key} holds credentials; ${hint}`, {
      data: { path },
    })
  }
  return isPypiDefaultUrl(url.href) ? [] : [{ name: PYPI_UPSTREAM, url: url.href.replace(/\/+$/, '') }]
}

/** True if the URL's host is this machine. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** Nothing is left of a file that did not exist before and holds nothing now. */
export function leftover(text: string, before: string | undefined): string | undefined {
  return before === undefined && text.trim() === '' ? undefined : text
}
