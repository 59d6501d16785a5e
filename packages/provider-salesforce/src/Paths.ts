/**
 * Paths of the REST API, made of what a caller gives, or refused.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as SalesforceError from "./SalesforceError.ts"
import * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Where a request goes. @category models @since 0.1.0 */
export interface Place {
  /** Scheme, host and port of the org. */
  readonly origin: string
  /** `/services/data/v66.0`. */
  readonly base: string
}

type Checked<A = string> = Result.Result<A, ChangeSource.SourceError>

/** A path, given where the org lives. @category models @since 0.1.0 */
export type Path = (place: Place) => Checked

/** @category models @since 0.1.0 */
export interface QueryOptions {
  /** Most rows of a page, 200 to 2000. The server may send fewer. */
  readonly pageSize?: number | undefined
}

/** Both ends of a replication feed's window: milliseconds, read as whole seconds. @category models @since 0.1.0 */
export interface Window {
  readonly start: number
  readonly end: number
}

/** @category models @since 0.1.0 */
export type Headers = { readonly [name: string]: string }

const source = "salesforce"

/**
 * Longest address of a request, in bytes. Address and headers together may have
 * 16,384 (REST API guide, "URI length"); the rest is for headers.
 *
 * @category constants
 * @since 0.1.0
 */
export const addressMax = 12_000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Headers of a query. @category constructors @since 0.1.0 */
export const queryHeaders = ({ pageSize }: QueryOptions): Checked<Headers> => {
  if (pageSize === undefined) return Result.succeed({})
  return Number.isInteger(pageSize) && pageSize >= 200 && pageSize <= 2000
    ? Result.succeed({ "Sforce-Query-Options": `batchSize=${pageSize}` })
    : Result.fail(SalesforceError.invalid(source, `A page has 200 to 2000 rows, and ${pageSize} were asked for.`))
}

/** @category constructors @since 0.1.0 */
export const query =
  (kind: "query" | "queryAll", soql: string): Path =>
  ({ base }) => {
    if (!soql.isWellFormed()) {
      return Result.fail(SalesforceError.invalid(source, "The query is not well-formed text."))
    }
    const path = `${base}/${kind}?q=${encodeURIComponent(soql)}`
    return path.length > addressMax
      ? Result.fail(
          SalesforceError.invalid(
            source,
            `The query takes ${path.length} of at most ${addressMax} bytes: name fewer fields.`
          )
        )
      : Result.succeed(path)
  }

/** A fixed path. @category constructors @since 0.1.0 */
export const below =
  (rest: string): Path =>
  ({ base }) =>
    Result.succeed(`${base}/${rest}`)

/** Below an object. @category constructors @since 0.1.0 */
export const sobject =
  (object: string, rest: string): Path =>
  ({ base }) =>
    Soql.isName(object) && !object.includes(".")
      ? Result.succeed(`${base}/sobjects/${object}/${rest}`)
      : Result.fail(
          SalesforceError.invalid(source, `"${SalesforceError.excerpt(object)}" cannot be the name of an object.`)
        )

/** A replication feed. @category constructors @since 0.1.0 */
export const feed = (object: string, kind: "deleted" | "updated", window: Window): Path => {
  const [start, end] = [window.start, window.end].map((at) => Stamp.fromMillis(Math.floor(at / 1000) * 1000))
  if (start === undefined || end === undefined || window.end - window.start <= 60_000) {
    return () => Result.fail(SalesforceError.invalid(source, "A window must begin more than a minute before it ends."))
  }
  const literal = (stamp: string) => encodeURIComponent(stamp.replace(".000Z", "+00:00"))
  return sobject(object, `${kind}/?start=${literal(start)}&end=${literal(end)}`)
}

/**
 * What the server calls the next page. It names it by a path; an address elsewhere
 * would be handed the token.
 *
 * @category constructors
 * @since 0.1.0
 */
export const locator =
  (next: string): Path =>
  ({ origin }) => {
    const shown = SalesforceError.excerpt(next)
    if (!URL.canParse(next, origin)) {
      return Result.fail(SalesforceError.malformed(source, `The next page is no address (${shown})`))
    }
    const url = new URL(next, origin)
    if (url.origin !== origin || url.username !== "" || url.password !== "") {
      return Result.fail(SalesforceError.malformed(source, `The next page lies on another host (${shown})`))
    }
    return url.pathname.startsWith("/services/data/")
      ? Result.succeed(`${url.pathname}${url.search}`)
      : Result.fail(SalesforceError.malformed(source, `The next page lies outside /services/data/ (${shown})`))
  }
