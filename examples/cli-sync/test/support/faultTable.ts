/**
 * What the command makes of each fault of the simulator, one row or more for each
 * name of its closed list.
 */
import type { ChangeSource } from "@tidemark/core"
import type { Faults } from "@tidemark/provider-salesforce/simulator"

/**
 * Where a fault strikes: before anything is written, on the second of three pages,
 * when deletions are asked for (or, for faults of queries, when one is confirmed).
 */
export type Place = "start" | "page" | "deletes"

/** From, to, in ms: waits vary by chance. */
export type Wait = readonly [least: number, most: number]

/** The run ends well. `requests` is how many more it took than one without the fault, for each time it is planned. */
export interface Invisible {
  readonly _tag: "Invisible"
  readonly requests: number
  readonly waits: ReadonlyArray<Wait>
}

/** The run fails at the fault, and keeps what was committed before it. */
export interface Refused {
  readonly _tag: "Refused"
  /** 2 where a person can remove the cause before trying again; behind a commit the code is 1 all the same. */
  readonly code: 1 | 2
  readonly reason: ChangeSource.SourceError["reason"]
  readonly says: RegExp
  readonly waits: ReadonlyArray<Wait>
}

export interface Row {
  /** What is special about it, when a kind has several rows. */
  readonly name?: string
  /** What the client has. Default: a token that nothing renews. */
  readonly credentials?: "refresh"
  /** What the fault is planned with, beside its kind and place. */
  readonly plan?: Pick<Faults.Plan, "times" | "retryAfter">
  /** A fault of the token endpoint, which ends sessions first, so that it is asked. */
  readonly isOfLogin?: boolean
  /** The session is over for good: a person logs in again before the next run. */
  readonly isEnding?: boolean
  /** Where addresses contain something else than usual. */
  readonly places?: { readonly [place in Place]?: string }
  /** How many accounts of 90 are committed when it fails. Default: 40 where page 2 fails, the first page; else none. */
  readonly kept?: { readonly [place in Place]?: number }
  readonly outcome: Invisible | Refused
  /** Where the outcome is another one. */
  readonly elsewhere?: { readonly [place in Place]?: Invisible | Refused }
}

const invisible = (requests: number, ...waits: ReadonlyArray<Wait>): Invisible => ({
  _tag: "Invisible",
  requests,
  waits
})
const refused = (code: 1 | 2, reason: Refused["reason"], says: RegExp, ...waits: ReadonlyArray<Wait>): Refused => ({
  _tag: "Refused",
  code,
  reason,
  says,
  waits
})

/** The first repetition of a client, and those after it. */
const first: Wait = [160, 200]
const four: ReadonlyArray<Wait> = [first, [320, 400], [640, 800], [1280, 1600]]
const second: Wait = [1000, 1100]
const idle: Wait = [30_000, 30_000]

const once: Row = { outcome: invisible(1, first) }
const told: Row = { outcome: invisible(1, second) }
/** Behind the last repetition. */
const always = (says: RegExp): Row => ({
  name: "without end",
  plan: { times: 100 },
  outcome: refused(2, "Unavailable", says, ...four)
})
const malformed = (begins: RegExp): Row => ({
  outcome: refused(
    1,
    "Malformed",
    new RegExp(`${/^The answer is not (a describe|a page|a list).*/.source}${begins.source}`)
  )
})
/** Faults of queries strike the first page, the second, and the query that confirms deletions. */
const ofQueries = { start: "/queryAll?", deletes: "%20IN%20" }

export const table: { readonly [kind in Faults.Kind]: readonly [Row, ...ReadonlyArray<Row>] } = {
  html200: [malformed(/begins: <html>/)],
  empty200: [malformed(/begins: \(nothing\)/)],
  truncated: [malformed(/begins: \{"(actionOverrides|totalSize|deletedRecords)"/)],
  malformed: [malformed(/begins: \{"error":"rate_limited"\}/)],
  repeatLocator: [
    {
      places: ofQueries,
      kept: { start: 40, page: 80 },
      outcome: refused(1, "NotAdvancing", /page token it had answered before/),
      // The address of a first page is no token: the page comes again. Rows that go back are refused, records found again are not.
      elsewhere: { start: refused(1, "OutOfOrder", /came after one stamped/), deletes: invisible(1) }
    }
  ],
  otherHost: [
    {
      places: ofQueries,
      kept: { start: 40, page: 90 },
      outcome: refused(1, "Malformed", /lies on another host \(https:\/\/elsewhere/)
    }
  ],
  expireLocators: [
    // Asked again from the last row: once for the time, once for the query. Where no next page was asked for, never.
    { places: ofQueries, outcome: invisible(0), elsewhere: { page: invisible(2) } }
  ],
  "401": [
    { outcome: refused(2, "Unauthorized", /INVALID_SESSION_ID \(HTTP 401\).*new access token, or a refresh token/) },
    { name: "renewed", credentials: "refresh", outcome: invisible(2) }
  ],
  expireToken: [
    {
      isEnding: true,
      outcome: refused(2, "Unauthorized", /INVALID_SESSION_ID \(HTTP 401\).*new access token, or a refresh token/)
    },
    { name: "renewed", credentials: "refresh", outcome: invisible(2) }
  ],
  invalidClient: [
    {
      credentials: "refresh",
      isOfLogin: true,
      outcome: refused(2, "Unauthorized", /invalid_client \(HTTP 400\): app must be installed/)
    }
  ],
  "403": [
    { outcome: refused(1, "QuotaExhausted", /REQUEST_LIMIT_EXCEEDED \(HTTP 403\).*run again when it has recovered/) }
  ],
  apiDisabled: [{ outcome: refused(2, "Forbidden", /API_DISABLED_FOR_ORG \(HTTP 403\).*API Enabled/) }],
  userDisabled: [{ outcome: refused(2, "Forbidden", /API_CURRENTLY_DISABLED \(HTTP 403\).*API Enabled/) }],
  noAccess: [{ outcome: refused(2, "Forbidden", /INSUFFICIENT_ACCESS \(HTTP 403\).*missing permission/) }],
  "406": [once],
  "420": [once],
  "429": [
    told,
    {
      name: "for an hour",
      plan: { retryAfter: 3600 },
      outcome: refused(1, "RateLimited", /HTTP 429.*Wait, then run again/)
    }
  ],
  "429Date": [
    told,
    {
      name: "for an hour",
      plan: { retryAfter: 3600 },
      outcome: refused(1, "RateLimited", /HTTP 429.*Wait, then run again/)
    }
  ],
  "429Absent": [once],
  "429Absurd": [{ plan: { times: 2 }, outcome: invisible(2, first, [320, 400]) }],
  "500": [once, always(/UNKNOWN_EXCEPTION \(HTTP 500\).*Run again later/)],
  "502": [once],
  "503": [told],
  "504": [once],
  reset: [once, always(/No answer from 127\.0\.0\.1:\d+ \(\w+\)/)],
  cut: [once],
  stall: [
    { outcome: invisible(1, idle, first) },
    {
      name: "without end",
      plan: { times: 100 },
      outcome: refused(2, "Unavailable", /the body stalled/, ...four.flatMap((wait) => [idle, wait]), idle)
    }
  ]
}
