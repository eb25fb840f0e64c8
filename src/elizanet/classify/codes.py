"""Codes: what a machine-readable name (error code, type, exception class) says.

Names are compared without case, punctuation and a trailing "error" or "exception", so
`insufficient_quota`, `InsufficientQuota` and `InsufficientQuotaError` are one entry. An
unknown name is read as words by `texts`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from elizanet.errors import FailureClass

_F = FailureClass

_SPECIFIC: Final[dict[FailureClass, str]] = {
    _F.QUOTA_EXHAUSTED: """
        insufficientquota insufficientbalance insufficientcredits insufficientfunds billing
        billingnotactive billinghardlimitreached billinglimituserhardlimitreached credits
        quotaexceeded servicequotaexceeded accountoverdue accountdeactivated paymentrequired
        budgetexceeded creditbalancetoolow insufficientuserquota preconsumetokenquotafailed
        usagelimitreached usagenotincluded arrearage freetieronly allocationquota
        enforcedspendlimitreached accessterminated billingdisabled outofcredits nocredits
        """,
    _F.CONTEXT_WINDOW_EXCEEDED: """
        contextlengthexceeded contextwindowexceeded contextsizeexceeded exceedcontextsize
        maxcontextlengthexceeded prompttoolong contextoverflow inputtoolong
        modelcontextwindowexceeded contextlimitexceeded maxpromptlengthexceeded
        """,
    _F.CONTENT_POLICY: """
        contentfilter contentfilterfinishreason contentpolicyviolation contentpolicy
        responsibleaipolicyviolation moderation moderationblocked safety prohibitedcontent
        recitation blocklist spii imagesafety imageprohibitedcontent guardrailintervened
        contentfiltered datainspectionfailed invalidprompt sensitivecontentdetected
        inputtextsensitivecontentdetected outputtextsensitivecontentdetected refusal
        cyberpolicyviolation safetychecktype imagecontentpolicyviolation contentblocked
        blockedprompt stopcandidate responsevalidationblocked policyviolation
        """,
    _F.AUTH: """
        invalidapikey invalidkey apikeyinvalid apikeyexpired invalidauthentication
        unrecognizedclient expiredtoken invalidsignature signaturedoesnotmatch
        incompletesignature missingauthenticationtoken invalidclienttokenid
        unsupportedcountryregionterritory nocredentials partialcredentials
        credentialretrieval invalidgrant invalidiamtoken invalidsubscription apikeyrequired
        defaultcredentials refresh tokenretrieval ssotokenload unauthorizedssotoken invalidtoken
        notoken missingapikey accountdisabled apikeydisabled invalidheader tokenexpired
        apikeyservicblocked apikeyserviceblocked consumerinvalid servicedisabled nodbconnection
        """,
    _F.MODEL_NOT_FOUND: """
        modelnotfound deploymentnotfound modelnotexist modeldoesnotexist unknownmodel
        invalidmodel modelnotsupported unsupportedmodel modelnotavailable modeldeprecated
        modeldecommissioned modelnotopen invalidendpointormodelnotfound invalidendpointnotfound
        modelaccessdenied modelnotallowed unsupportedapiformodel operationnotsupported
        unimplemented modelterminated invalidmodelid modelretired nosuchmodel
        """,
    _F.BAD_REQUEST: """
        invalidvalue unsupportedvalue unsupportedparameter unknownparameter invalidtype
        missingrequiredparameter invalidfunctionparameters invalidschema invalidmessage
        invalidrequestmessageorder wrongapiformat invalidjson jsoninvalid paramvalidation
        tooluseids integerabovemaxvalue integerbelowminvalue decimalabovemaxvalue
        decimalbelowminvalue arrayabovemaxlength arraybelowminlength emptyarray
        invalidimageurl invalidbase64 unsupportedfile
        missingparameter missingparam
        lengthfinishreason unsupportedparams jsonschemaviolation typemissing extraforbidden
        stringtype previousresponsenotfound toolusefailedschema invalidimageformat
        invalidfunctioncall imageparse imageparseerror unsupportedimagemedia duplicatename
        """,
    _F.PAYLOAD_TOO_LARGE: """
        requesttoolarge requestentitytoolarge payloadtoolarge contenttoolarge entitytoolarge
        requestbodytoolarge requestpayloadtoolarge filetoolarge imagetoolarge
        stringabovemaxlength filesizeexceeded uritoolong requestheaderfieldstoolarge
        """,
    _F.OVERLOADED: """
        overloaded modelnotready serveroverloaded serverisoverloaded
        enginecurrentlyoverloaded engineoverloaded capacityexceeded nocapacity
        modeloverloaded modelcapacityexceeded providerunavailable providererror
        modelstillloading enginenotready servicetemporarilyunavailable toomanypendingrequests
        serverbusy systembusy
        """,
    _F.RATE_LIMIT: """
        slowdown toomanyconcurrentrequests concurrencylimitexceeded requestquotaexceeded
        tokenquotaexceeded requestsperminutelimitexceeded ratelimitexceededrequestsperminute
        """,
    _F.TIMEOUT: "modeltimeout userrequesttimeout deadlineexceeded requesttimeout",
    _F.STREAM_INTERRUPTED: "midstreamfallback streaminterrupted streamdisconnected",
    _F.CANCELLED: "clientclosedrequest clientdisconnect requestcancelled requestcanceled",
    _F.MALFORMED_RESPONSE: """
        apiresponsevalidation toolusefailed jsonvalidatefailed malformedfunctioncall
        unexpectedmodelbehavior outputparserfailed outputparser malformedtoolcall
        """,
}
"""These name one cause and beat any sentence."""

_GENERIC: Final[dict[FailureClass, str]] = {
    _F.RATE_LIMIT: """
        ratelimit ratelimited ratelimitreached ratelimitexceeded ratelimits toomanyrequests
        throttling throttled throttlingratequota requestlimitexceeded resourceexhausted
        limitation requests tokens userratelimitexceeded limitrequests limitburstrate
        ratelimitreachederror concurrentrequestslimit tokenlimitexceeded
        """,
    _F.AUTH: """
        authentication unauthorized unauthenticated permissiondenied permission accessdenied
        forbidden authenticationfailed invalidcredentials autherror auth credentials
        requestforbidden clientauthentication googleauth
        """,
    _F.MODEL_NOT_FOUND: "notfound resourcenotfound endpointnotfound",
    _F.BAD_REQUEST: """
        invalidrequest badrequest validation requestvalidation unprocessableentity
        invalidargument invalidinput invalidarguments invalidparams badinput outofrange
        failedprecondition parameter invalidparameter invalidparametervalue invalidparam param
        badparam invalidrequestbody invalidrequestparameter
        """,
    _F.OVERLOADED: """
        serviceunavailable server internalserver internal internalfailure unavailable badgateway
        gatewaytimeout upstream internalservice servererr internalserverr backend aborted
        modelerror modelserving functioninvocationtimeout unexpected servicerror service model
        """,
    _F.QUOTA_EXHAUSTED: "quota",
    _F.TIMEOUT: "timeout apitimeout",
    _F.CONNECTION: "apiconnection network connection",
    _F.STREAM_INTERRUPTED: "modelstream",
    _F.CANCELLED: "cancelled canceled",
}
"""These name a family; a sentence beside them knows better."""


def _table(entries: dict[FailureClass, str]) -> dict[str, FailureClass]:
    return {name: found for found, names in entries.items() for name in names.split()}


SPECIFIC: Final = _table(_SPECIFIC)
GENERIC: Final = _table(_GENERIC)

_PUNCTUATION: Final = {ord(c): None for c in "_-.: /'\"<>()[]"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./:]+")


@lru_cache(1024)
def normal(name: str) -> str:
    """Return the name as the tables spell it."""
    bare = name.lower().translate(_PUNCTUATION)
    for suffix in ("exception", "error"):
        if len(bare) > len(suffix):
            bare = bare.removesuffix(suffix)
    return bare


@lru_cache(1024)
def words(name: str) -> str:
    """Return `modelNot_Found` as "model not found"."""
    return _HUMP.sub(" ", name).lower()
