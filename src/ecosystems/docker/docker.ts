/**
 * Container images: the pull side of the OCI distribution spec for docker, containerd and podman (`3-registries.md`). Any
 * configured upstream is a registry; these three are configured by themselves.
 */
import type { Ecosystem } from '../ecosystem.ts'
import { dockerClients } from './clients/clients.ts'
import { DOCKER_TYPE, dockerFromPurl, dockerNamePattern, dockerSubject, dockerToPurl } from './coordinates.ts'
import { followDocker } from './follow.ts'
import { dockerLockfiles } from './lockfiles.ts'
import { dockerReferences } from './references.ts'
import { dockerNotice, refuseDocker } from './refuse.ts'
import { resolveDocker } from './resolve.ts'
import { dockerRoutes } from './routes.ts'
import { dockerVariant, RELEASES_VIEW, transformDocker } from './transform.ts'
import { compareTags } from './versions.ts'
import { dockerWitness } from './witness.ts'

/** The ecosystem of container images. */
export const docker: Ecosystem = {
  id: DOCKER_TYPE,
  mount: { kind: 'path', prefix: '/v2' },
  tryLines: ['{program} setup docker && docker pull alpine'],
  upstreams: [
    { name: 'docker.io', url: 'https://registry-1.docker.io', share: 'network' },
    { name: 'ghcr.io', url: 'https://ghcr.io', share: 'network' },
    { name: 'quay.io', url: 'https://quay.io', share: 'network' },
  ],
  aliases: [],
  routes: dockerRoutes,
  coordinates: { toPurl: dockerToPurl, fromPurl: dockerFromPurl, namePattern: dockerNamePattern },
  compareVersions: compareTags,
  resolve: resolveDocker,
  variant: dockerVariant,
  subject: dockerSubject,
  // Tags come in pages and state no times, so that nobody asks for them by himself.
  releases: { view: RELEASES_VIEW, statesTimes: false, marksHidden: true, index: () => undefined },
  notice: dockerNotice,
  transform: transformDocker,
  refuse: refuseDocker,
  references: dockerReferences,
  lockfiles: dockerLockfiles,
  follow: followDocker,
  clients: dockerClients,
  witness: dockerWitness,
}
