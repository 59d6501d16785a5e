/**
 * The page `docs/salesforce-errors.md`, made from the table. Run as a program it
 * prints the page.
 */
import * as ErrorCode from "../../src/ErrorCode.ts"

const causes: { readonly [V in ErrorCode.Verdict]: string } = {
  RateLimited: "too many requests at once",
  Unavailable: "a lost connection, a time-out, a fault of the server",
  Unauthorized: "the session cannot be renewed, or the login is refused",
  Forbidden: "a permission, an edition or a licence is missing",
  AccountMismatch: "the credentials belong to another org than the lane",
  QuotaExhausted: "a daily limit or the API budget is used up",
  PositionLost: "the server no longer keeps what came after the position",
  Malformed: "an answer that is not what was asked for",
  NotAdvancing: "pages that lead nowhere",
  OutOfOrder: "positions that go back",
  Invalid: "the request itself is wrong",
  Rejected: "one record of a batch of writes is wrong"
}

const effects: { readonly [A in ErrorCode.Action]: string } = {
  Retry: "asked again: at once and a bounded number of times where a moment may cure it, else with the next run",
  PauseConnection: "nothing is asked until a person has acted",
  EndEarly: "the run ends at its last commit and resumes there when the limit has recovered",
  Resync: "the position is unusable: everything is read again",
  Stop: "the same call can only fail again: it needs a change",
  Quarantine: "the record is set aside, and the others go on"
}

const statuses: ReadonlyArray<readonly [status: string, example: number]> = [
  ["below 300, where a body was due", 204],
  ["401", 401],
  ["403", 403],
  ["406, 408", 406],
  ["420, 429", 429],
  ["300 and above, and none of these", 400],
  ["500 and above", 500]
]

const verdicts = Object.keys(ErrorCode.actions) as ReadonlyArray<ErrorCode.Verdict>
const actions = Object.keys(effects) as ReadonlyArray<ErrorCode.Action>

const section = (verdict: ErrorCode.Verdict): ReadonlyArray<string> => {
  const codes = [...(ErrorCode.partner[verdict] ?? []), ...(ErrorCode.others[verdict] ?? [])]
  return codes.length === 0 ? [] : [`### ${verdict}`, "", codes.map((code) => `\`${code}\``).join(" "), ""]
}

export const page = [
  "# What a failure of Salesforce causes",
  "",
  "Made from `ErrorCode` of `@tidemark/provider-salesforce`; a test fails when the two differ. A failed answer has a",
  "reason: that of its code, or, for a code that nobody knows, that of its HTTP status. Each reason causes one action.",
  "A code of `QuotaExhausted` that comes with 420 or 429 is a limit of the moment, `RateLimited`.",
  "",
  "| Reason | Means | Action |",
  "| --- | --- | --- |",
  ...verdicts.map((verdict) => `| ${verdict} | ${causes[verdict]} | ${ErrorCode.actions[verdict]} |`),
  "",
  "| Action | What happens |",
  "| --- | --- |",
  ...actions.map((action) => `| ${action} | ${effects[action]} |`),
  "",
  "`Retry`, `EndEarly` and, for an ended session, `PauseConnection` apply to a record of a batch of writes as they do to",
  "a request. Any other code quarantines the record, a code that nobody knows included.",
  "",
  "## By status",
  "",
  "| Status | Reason |",
  "| --- | --- |",
  ...statuses.map(([status, example]) => `| ${status} | ${ErrorCode.ofStatus(example)} |`),
  "",
  "## By code",
  "",
  ...verdicts.flatMap(section)
].join("\n")

if (import.meta.main) process.stdout.write(page)
