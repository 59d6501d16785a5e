/**
 * Addresses that may receive a token.
 *
 * An address that a person configured must speak https, or lie on this machine.
 * An address that an answer names (`instance_url`, because orgs move) must besides
 * lie below a domain of Salesforce or below a host that was configured: else who
 * can answer in the token endpoint's place would be handed the token, and could
 * have requests sent to hosts of the local network.
 *
 * Hosts are compared whole, label by label, without a list of public suffixes:
 * `acme.example` trusts `eu.acme.example`, and `eu.acme.example` does not trust
 * `acme.example`. What a name resolves to is checked where a connection is made, by
 * `GuardedHttpClient` of `@tidemark/http`.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as SalesforceError from "./SalesforceError.ts"

type Checked = Result.Result<string, ChangeSource.SourceError>

/** Domains below which orgs live. @category constants @since 0.1.0 */
export const domains: ReadonlyArray<string> = [
  "salesforce.com",
  "force.com",
  "cloudforce.com",
  "salesforce.mil",
  "sfcrmproducts.cn"
]

/**
 * Scheme, host and port of an address that a person configured: https, or plain
 * http on this machine. `Invalid` otherwise.
 *
 * @category conversions
 * @since 0.1.0
 */
export const origin = (source: string, address: string): Checked => {
  const refuse = (why: string) =>
    Result.fail(
      SalesforceError.invalid(
        source,
        `${SalesforceError.excerpt(address) || "(nothing)"} ${why}. Give the org's My Domain address, such as https://NAME.my.salesforce.com.`
      )
    )
  if (!URL.canParse(address)) return refuse("is not an address")
  const url = new URL(address)
  // The parser leaves empty labels in, of which `https://。salesforce.com` is one.
  if (/^\.|\.\./.test(url.hostname)) return refuse("has a host name with an empty part")
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal(url.hostname))) {
    return refuse("does not begin with https:// and would send the token in the clear")
  }
  if (url.username !== "" || url.password !== "") return Result.fail(SalesforceError.invalid(source, userInfo))
  if (url.pathname !== "/" || url.search !== "") return refuse("has a path, and only the host is wanted")
  return Result.succeed(url.origin)
}

/**
 * Scheme, host and port of an address that an answer named. `Invalid` when it lies
 * neither below a domain of Salesforce, nor below a host of `configured` (origins),
 * nor below one of `trusted` (host names).
 *
 * @category conversions
 * @since 0.1.0
 */
export const instance = (options: {
  readonly source: string
  readonly address: string
  readonly configured: ReadonlyArray<string>
  readonly trusted: ReadonlyArray<string>
}): Checked =>
  Result.flatMap(origin(options.source, options.address), (named) => {
    const { hostname } = new URL(named)
    const hosts = options.configured.map((address) => new URL(address).hostname)
    const isTrusted =
      [...domains, ...hosts, ...options.trusted].some((host) => isBelow(hostname, host)) ||
      (isLocal(hostname) && hosts.some(isLocal))
    return isTrusted
      ? Result.succeed(named)
      : Result.fail(
          SalesforceError.invalid(
            options.source,
            `The login server named ${hostname} as the org's host, which is neither a host of Salesforce nor below the ` +
              "one configured. No token was sent there. Check the login address; if the host is right, name it in trustedHosts."
          )
        )
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const isLocal = (hostname: string): boolean => ["localhost", "127.0.0.1", "[::1]"].includes(hostname)

const isBelow = (hostname: string, host: string): boolean =>
  host !== "" && (hostname === host.toLowerCase() || hostname.endsWith(`.${host.toLowerCase()}`))

const userInfo = "The address holds a user name or a password: give the address alone, and the token as credentials."
