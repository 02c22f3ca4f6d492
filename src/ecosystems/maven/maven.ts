/**
 * The repository that Maven, and what speaks its protocol, builds from (`3-registries.md`, "Maven"). Stateless: everything is a
 * path, and what a repository states of a file is beside it.
 */
import type { Ecosystem } from '../ecosystem.ts'
import { mavenClients } from './clients/clients.ts'
import { MAVEN_TYPE, mavenFromPurl, mavenToPurl } from './coordinates.ts'
import { mavenDefaultUrl } from './default-upstream.ts'
import { aheadOfPom } from './formats/ahead.ts'
import { mavenLockfiles } from './lockfiles.ts'
import { readPlace } from './names.ts'
import { mavenReferences } from './references.ts'
import { refuseMaven } from './refuse.ts'
import { mavenReadings, metadataOf, resolveMaven, subjectOf } from './resolve.ts'
import { MAVEN_UPSTREAM, mavenRoutes } from './routes.ts'
import { mavenVariant, RELEASES_VIEW, transformMaven } from './transform.ts'
import { compareMavenPrecedence, compareMavenVersions } from './versions.ts'

/** The ecosystem of Maven artifacts. */
export const maven: Ecosystem = {
  id: MAVEN_TYPE,
  osvName: 'Maven',
  mount: { kind: 'path', prefix: '/maven2', clientPath: '/maven2' },
  tryLines: ['{program} setup maven && mvn dependency:get -Dartifact=commons-io:commons-io:2.16.1'],
  upstreams: [{ name: MAVEN_UPSTREAM, url: mavenDefaultUrl(), share: 'network' }],
  aliases: ['sha512', 'sha1', 'md5'],
  routes: mavenRoutes,
  coordinates: { toPurl: mavenToPurl, fromPurl: mavenFromPurl },
  compareVersions: compareMavenVersions,
  precedence: compareMavenPrecedence,
  subject: (want) =>
    want.kind === 'artifact' || want.kind === 'document' ? subjectOf(readPlace(want.params.path ?? '')) : undefined,
  readings: mavenReadings,
  releases: { view: RELEASES_VIEW, statesTimes: false, index: metadataOf },
  resolve: resolveMaven,
  variant: mavenVariant,
  transform: transformMaven,
  refuse: refuseMaven,
  references: mavenReferences,
  ahead(path, bytes) {
    const place = readPlace(path)
    return place.kind === 'file' ? aheadOfPom(place, bytes) : { files: [], statements: [] }
  },
  lockfiles: mavenLockfiles,
  clients: mavenClients,
}
