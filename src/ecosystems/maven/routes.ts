/** The paths of a repository. Names are checked here, before any look-up; what is not of the layout does not exist. */
import { isKind } from '../../base/errors.ts'
import type { Want } from '../../base/located.ts'
import type { Route } from '../ecosystem.ts'
import { isSignature, type MavenPlace, readPlace } from './names.ts'

const READ = ['GET', 'HEAD'] as const

/** The upstream that is asked first; further ones are called `maven-…`. */
export const MAVEN_UPSTREAM = 'maven'

/** First match wins. */
export const mavenRoutes: readonly Route[] = [
  { methods: READ, pattern: /^\/?$/, want: ping },
  // Lists of a mirror's groups and of a repository's index: clients go on without.
  { methods: READ, pattern: /^\/\./, want: () => missing('this repository states no such list') },
  { methods: READ, pattern: /^\//, want: (_, { path }) => wantOf(path) },
  {
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    pattern: /^/,
    want: () => unsupported('this node serves builds only; deploy to the repository itself'),
  },
]

function ping(): Want {
  const body = 'A Maven repository, served by Pyrsia.\n'
  return { kind: 'ping', reply: { status: 200, headers: { 'content-type': 'text/plain' }, body } }
}

function wantOf(path: string): Want {
  let place: MavenPlace
  try {
    place = readPlace(path)
  } catch (error) {
    if (!isKind(error, 'usage')) throw error
    return missing(error.message)
  }
  const isDocument = place.kind === 'metadata' || place.checksum !== undefined || isSignature(place.file)
  const checksum = place.checksum === undefined ? {} : { checksum: place.checksum }
  const params = { path: place.path, ...checksum }
  return { kind: isDocument ? 'document' : 'artifact', upstream: MAVEN_UPSTREAM, params }
}

function missing(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'absent', message } }
}

function unsupported(message: string): Want {
  return { kind: 'unsupported', reason: { code: 'unsupported', message } }
}
