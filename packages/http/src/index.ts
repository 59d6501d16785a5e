/**
 * How adapters reach servers whose addresses come from a configuration.
 *
 * @since 0.1.0
 */
export * as AnswerBody from "./AnswerBody.ts"
export * as GuardedHttpClient from "./GuardedHttpClient.ts"
export * as HttpDate from "./HttpDate.ts"
export * as IpAddress from "./IpAddress.ts"
export * as RetryAfter from "./RetryAfter.ts"
export * as SystemCode from "./SystemCode.ts"
