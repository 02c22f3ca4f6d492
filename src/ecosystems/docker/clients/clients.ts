/** How dockerd, containerd, podman and buildx are pointed at this node, and restored. Pure: `src/clients/` reads and writes the files. */
import type { ClientSetup } from '../../ecosystem.ts'
import { buildx } from './buildx.ts'
import { containerd } from './containerd.ts'
import { dockerd } from './dockerd.ts'
import { podman } from './podman.ts'

/** The stock clients of this ecosystem. */
export const dockerClients: readonly ClientSetup[] = [dockerd, containerd, podman, buildx]
