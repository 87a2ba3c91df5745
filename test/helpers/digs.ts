import { richQuestions, type Question } from './nsd.js'

/** Clients that print a message, and with which flags they print of it what can be compared. */
export const DIGS = [
  { client: 'dig', sections: ['+noall', '+comments', '+question', '+answer', '+authority', '+additional', '+nottlid'] },
  { client: 'kdig', sections: ['+noall', '+header', '+question', '+answer', '+authority', '+additional', '+nottl'] },
] as const

/** Questions for names that can be given on a command line; the others are compared by octets. */
export const TYPEABLE: readonly Question[] = richQuestions().filter(({ name }) => /^[\w.*-]+$/.test(name))

/** What the client printed of the message itself: without the ID, and without the OPT, which is each server's own. */
export function said(output: string): string {
  return output
    .split('\n')
    .filter(
      (line) =>
        !/^;; (OPT|EDNS|TLS|HTTP)|^; EDNS|^;; WARNING|^;; (->>|Got|Warning|Truncated)|PSEUDOSECTION|^; (COOKIE|PAD|TCP)|^;; PADDING|^$/.test(
          line,
        ),
    )
    .map((line) => line.replace(/ADDITIONAL: \d+/, 'ADDITIONAL'))
    .join('\n')
}
