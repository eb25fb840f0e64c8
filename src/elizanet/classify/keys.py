"""What the keys of error documents hold, whoever wrote the document."""

from __future__ import annotations

from typing import Final

NAME: Final = "name"
PROSE: Final = "prose"
STATUS: Final = "status"
DELAY: Final = "delay"

_KEYS: Final = {
    NAME: """
        __type block_reason blockreason code err_code errcode error_code error_name
        error_type errorcode errorname errortype exception exception_type failed_check
        finish_reason finishreason internalcode native_finish_reason providercode
        quotaid reason status_name statusname stop_reason sub_type subtype type
        """,
    PROSE: """
        blockreasonmessage cause description detail details err err_msg errmsg error
        error_description error_message error_msg errormessage errormsg exception_message
        failure fault faultstring finish_message finishmessage hint info internal_message
        localized_message message msg raw reason_detail status_message status_msg status_text
        statusmessage statustext title upstream_error user_message
        """,
    STATUS: """
        http_code http_status http_status_code httpcode httpstatus httpstatuscode
        original_status_code status status_code statuscode upstream_status
        """,
    DELAY: """
        estimated_time reset_at reset_in reset_seconds resets_at resets_in resets_in_seconds
        retry_after retry_after_ms retry_after_s retry_after_seconds retry_delay retry_in
        retryafter retryafterms retryafterseconds retrydelay
        """,
}
ROLES: Final = {key: role for role, keys in _KEYS.items() for key in keys.split()}
"""The role of a key, in lower case. A number under a name or a status is an HTTP status."""

_NOT_EVIDENCE: Final = """
    additional_info arguments available_models body_received candidates choices content ctx
    data_received debug debug_error_string delta docs documentation_url example
    failed_generation help input input_value link links loc logprobs messages model model_name
    output parameters params parts prompt prompt_filter_results query received remedy_hint
    request request_id requestid stack stacktrace supported_models text tools trace_id
    traceback url urls usage usage_metadata usagemetadata user_id value values
    """
NOT_EVIDENCE: Final = frozenset(_NOT_EVIDENCE.split())
"""Keys whose values are the caller's words, the model's answer or advice."""
