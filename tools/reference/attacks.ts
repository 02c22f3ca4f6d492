/** The attacks that Pyrsia must withstand, by the letters that tests name them with, and what Pyrsia does not claim. Read by `threats-page.ts`. */

/** One group of attacks. */
export interface AttackGroup {
  readonly letter: string
  readonly title: string
  /** What happens, by the number behind the letter. */
  readonly attacks: Readonly<Record<string, string>>
}

/** All of them. */
export const ATTACKS: readonly AttackGroup[] = [
  {
    letter: 'C',
    title: 'Source and recipe',
    attacks: {
      C1: 'A tag is moved after it was resolved and before it is fetched.',
      C2: 'A file of the source is changed after its checkout.',
      C3: 'A fork has a commit or a tag of the same name, with other code.',
      C4: 'The manifest at the commit is that of another package or version.',
      C5: 'A provenance carries an external parameter that nobody knows.',
      C6: 'The recipe is another one than was accepted.',
      C7: 'A submodule or a pointer to a large file leads elsewhere than before.',
    },
  },
  {
    letter: 'D',
    title: 'Builders and the vote',
    attacks: {
      D1: 'Fewer builders than the quorum agree on bytes of their own.',
      D2: 'One fewer than the quorum agree, and the honest are kept from being heard.',
      D3: "A builder repeats another's commitment or result, also that of another request.",
      D4: 'One operator registers fifty nodes.',
      D5: "A build reads the builder's key, other processes, another job's files, or exhausts the machine.",
      D6: 'A build leaves something behind for the next one.',
      D7: 'A builder commits to two results.',
      D8: 'Somebody asks again until the draw suits.',
      D9: 'A whole quorum agrees on evil bytes, and is found out later.',
      D10: "A builder reports upstream's bytes without having built anything.",
    },
  },
  {
    letter: 'E',
    title: 'Dependencies',
    attacks: {
      E1: 'One builder is given a changed dependency.',
      E2: 'All builders are given a changed dependency.',
      E3: 'A script of the build fetches what nobody declared.',
      E4: 'A malicious release comes out after the time as of which dependencies are resolved.',
      E5: 'A dependency that went into a build is withdrawn later.',
      E6: 'A public package takes the name of a private one.',
    },
  },
  {
    letter: 'F',
    title: 'What is published',
    attacks: {
      F1: 'A file is only in the published package, not in its source.',
      F2: 'A generated file is changed before it is published.',
      F3: 'Bytes without a verdict are put into the store.',
      F4: 'Signatures of a quorum come from one key, or from keys that were revoked or not drawn.',
      F5: 'A good signature or certificate is shown for another subject.',
      F6: "A signature carries another key's id.",
      F7: 'An archive holds entries that some readers see and others do not.',
      F8: 'Nothing but a mode or a link is changed.',
    },
  },
  {
    letter: 'G',
    title: 'On the way, and the log',
    attacks: {
      G1: 'A peer changes a byte.',
      G2: 'Somebody shows an older log, or keeps news back.',
      G3: 'Two clients are shown two histories.',
      G4: 'An entry is rewritten or deleted after it was logged.',
      G5: "Another package's proof, good in itself, is shown.",
      G6: 'What builders signed is taken out of a proof.',
      G7: 'A block of the order is forged.',
      G8: 'A transfer breaks off in the middle.',
      G9: 'A small archive unpacks to more than the machine has.',
    },
  },
  {
    letter: 'H',
    title: 'At the client',
    attacks: {
      H1: 'A user mistypes a name, and somebody has registered it.',
      H2: 'A range would resolve to a release that nobody verified.',
      H3: 'A lockfile and the registry name different bytes.',
      H4: 'A package is withdrawn after it was installed.',
      H5: 'The network is down or far behind.',
      H6: 'The source itself is malicious, and is rebuilt faithfully.',
    },
  },
]

/** Attacks that no test shows yet, and why. */
export const NOT_SHOWN: Readonly<Record<string, string>> = {
  G7: 'There is one authority so far, which orders alone: a forged block has nobody to convince. What it signs is checked as in G2 to G4.',
  H6: 'Nothing defends against it, see below.',
}

/** What a reader might believe and must not. */
export const NOT_CLAIMED: readonly string[] = [
  'That a package is safe. `rebuilt` says that the published bytes are what its public source makes; malicious or faulty source is rebuilt just as faithfully (H6).',
  'That the source is the right project, or its author honest. How a source was found, and with which grade, stands in the result.',
  'Anything at all from `repackaged` and `witnessed` about the attacks C and F: the first was built from an archive that the registry itself hosts, the second was not built.',
  'That builders are independent because they are several. Organisations count, and who may be one is decided by people; toolchains and sandboxes are listed so that diversity can be counted. Tools that all builders take from the same registry may be wrong for all of them.',
  'A defence against a quorum of the drawn organisations that colludes, before somebody disputes it (D9). How likely that is stands in `docs/decisions/0051-beacon-and-selection.md`.',
  'That a build cannot attack the kernel, the processor or bubblewrap itself, or learn the time and the model of the machine.',
  'Availability: who holds enough builders or the authority can keep a verdict from being reached. Withheld votes are logged, and proven of nobody.',
  'That a network with one authority cannot be stopped or stalled by it. It cannot make anybody accept what builders did not sign, nor rewrite what was seen.',
  'Anything about a solo network: `built once` is the word of one machine.',
]
