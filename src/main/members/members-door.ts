/** `members`, `authorize` and `deauthorize` with their effects: the log by the running node, the key of the data directory. */
import { AppError } from '../../base/errors.ts'
import type { MembersDoor } from '../../cli/log/members-view.ts'

/** The door for data directories that `directoryOf` names. */
export function createMembers(directoryOf: (data: string | undefined) => string, nowMs: () => number): MembersDoor {
  const open = async (directory: string) => {
    const { connectNode } = await import('../../cli/node-api.ts')
    const { entriesOf } = await import('../explain/explain-request.ts')
    const { pinnedNetwork } = await import('../network/verify-file.ts')
    const { readMembers } = await import('./read-members.ts')
    const network = await pinnedNetwork(undefined, directory)
    const node = await connectNode(directory)
    const now = await readMembers(entriesOf(node), network.origin, Math.floor(nowMs() / 1000))
    return { network: network.origin, node, now }
  }
  return {
    async show(data) {
      const { network, now } = await open(directoryOf(data))
      return (await import('./read-members.ts')).membersReport(network, now)
    },
    async vote({ data, ...request }) {
      const directory = directoryOf(data)
      const { openRoleKeys } = await import('../network/role-keys.ts')
      const keys = openRoleKeys(directory)
      const signer = keys.find('consensus')
      if (signer === undefined) {
        throw new AppError(
          'usage.config',
          `wanted the consensus key of an authority in ${keys.path('consensus')}, found none`,
        )
      }
      const opened = await open(directory)
      return (await import('./vote.ts')).vote(request, { ...opened, signer, nowMs: nowMs() })
    },
  }
}
