/**
 * Salesforce as a source of changes.
 *
 * @since 0.1.0
 */
export * as Address from "./Address.ts"
export * as Answer from "./Answer.ts"
export * as ApiBudget from "./ApiBudget.ts"
export * as Canonical from "./Canonical.ts"
export * as Circuit from "./Circuit.ts"
export * as Credentials from "./Credentials.ts"
export * as Describe from "./Describe.ts"
export * as ErrorCode from "./ErrorCode.ts"
export * as Mapping from "./Mapping.ts"
export * as Pace from "./Pace.ts"
export * as Paths from "./Paths.ts"
export * as RetryBudget from "./RetryBudget.ts"
export * as SalesforceClient from "./SalesforceClient.ts"
export * as SalesforceCursor from "./SalesforceCursor.ts"
export * as SalesforceDeletes from "./SalesforceDeletes.ts"
export * as SalesforceError from "./SalesforceError.ts"
export * as SalesforceSource from "./SalesforceSource.ts"
export * as Sessions from "./Sessions.ts"
export * as Soql from "./Soql.ts"
export * as Spec from "./Spec.ts"
export * as Stamp from "./Stamp.ts"
export * as Transport from "./Transport.ts"
export * as Versions from "./Versions.ts"
