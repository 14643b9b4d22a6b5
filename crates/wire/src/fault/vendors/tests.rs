use super::*;

#[test]
fn every_vendors_errors_have_their_class() {
    #[rustfmt::skip]
    let table: &[(&str, u16, &str, &str, FaultClass)] = &[
        ("zhipu", 401, r#"{"error":{"code":"1002","message":"m"}}"#, "m", Auth),
        ("zhipu", 429, r#"{"error":{"code":"1112","message":"m"}}"#, "m", Auth),
        ("zhipu", 429, r#"{"error":{"code":"1113","message":"m"}}"#, "m", Quota),
        ("zhipu", 400, r#"{"error":{"code":"1211","message":"m"}}"#, "m", NotFound),
        ("zhipu", 400, r#"{"error":{"code":"1214","message":"m"}}"#, "m", InvalidRequest),
        ("zhipu", 400, r#"{"error":{"code":"1261","message":"m"}}"#, "m", ContextLength),
        ("zhipu", 400, r#"{"contentFilter":[{"level":1}],"error":{"code":"1301","message":"m"}}"#, "m", ContentFilter),
        ("zhipu", 429, r#"{"error":{"code":"1302","message":"m"}}"#, "m", RateLimit),
        ("zhipu", 429, r#"{"error":{"code":"1305","message":"m"}}"#, "m", Overloaded),
        ("zhipu", 429, r#"{"error":{"code":"1308","message":"m"}}"#, "m", RateLimit),
        ("zhipu", 500, r#"{"error":{"code":"1234","message":"m"}}"#, "m", Server),
        ("zhipu v3", 200, r#"{"code":1301,"msg":"m","success":false}"#, "m", ContentFilter),
        ("minimax", 200, r#"{"base_resp":{"status_code":1002,"status_msg":"m"}}"#, "m", RateLimit),
        ("minimax", 200, r#"{"base_resp":{"status_code":1004,"status_msg":"m"}}"#, "m", Auth),
        ("minimax", 200, r#"{"base_resp":{"status_code":1008,"status_msg":"m"}}"#, "m", Quota),
        ("minimax", 200, r#"{"base_resp":{"status_code":1001,"status_msg":"m"}}"#, "m", Timeout),
        ("minimax", 200, r#"{"base_resp":{"status_code":1026,"status_msg":"m"}}"#, "m", ContentFilter),
        ("minimax", 200, r#"{"base_resp":{"status_code":1027,"status_msg":"m"}}"#, "m", ContentFilter),
        ("minimax", 200, r#"{"base_resp":{"status_code":1039,"status_msg":"m"}}"#, "m", RateLimit),
        ("minimax", 200, r#"{"base_resp":{"status_code":2013,"status_msg":"m"}}"#, "m", InvalidRequest),
        ("minimax", 200, r#"{"base_resp":{"status_code":2049,"status_msg":"m"}}"#, "m", Auth),
        ("minimax", 200, r#"{"base_resp":{"status_code":1013,"status_msg":"m"}}"#, "m", Server),
        ("minimax, followed", 200, r#"{"error":{"code":1002,"message":"m"}}"#, "m", RateLimit),
        ("minimax, followed", 200, r#"{"error":{"code":1008,"message":"m"}}"#, "m", Quota),
        ("cloudflare", 429, r#"{"success":false,"errors":[{"code":3036,"message":"m"}],"result":{}}"#, "m", RateLimit),
        ("cloudflare", 429, r#"{"success":false,"errors":[{"code":3040,"message":"m"}]}"#, "m", Overloaded),
        ("cloudflare", 401, r#"{"success":false,"errors":[{"code":10000,"message":"m"}]}"#, "m", Auth),
        ("cloudflare", 400, r#"{"success":false,"errors":[{"code":5006,"message":"m"}]}"#, "m", InvalidRequest),
        ("siliconflow", 401, r#""Invalid token""#, "Invalid token", Auth),
        ("siliconflow", 400, r#"{"code":20012,"message":"m","data":null}"#, "m", NotFound),
        ("siliconflow", 403, r#"{"code":30001,"message":"m","data":null}"#, "m", Quota),
        ("siliconflow", 429, r#"{"message":"m","data":null}"#, "m", RateLimit),
        ("spark http", 200, r#"{"code":11200,"message":"m","sid":"s"}"#, "m", Auth),
        ("spark http", 200, r#"{"code":11202,"message":"m","sid":"s"}"#, "m", RateLimit),
        ("spark http", 200, r#"{"error":{"code":"10013","message":"m","type":"t"}}"#, "m", ContentFilter),
        ("spark", 200, r#"{"header":{"code":10907,"message":"m","sid":"s"}}"#, "m", ContextLength),
        ("spark", 200, r#"{"header":{"code":10110,"message":"m","sid":"s"}}"#, "m", Overloaded),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"AuthFailure.SecretIdNotFound","Message":"m"}}}"#, "m", Auth),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"FailedOperation.ServiceStopArrears","Message":"m"}}}"#, "m", Quota),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"LimitExceeded","Message":"m"}}}"#, "m", RateLimit),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"m"}}}"#, "m", RateLimit),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"OperationDenied.TextIllegalDetected","Message":"m"}}}"#, "m", ContentFilter),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"InvalidParameterValue.Model","Message":"m"}}}"#, "m", NotFound),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"InvalidParameter","Message":"m"}}}"#, "m", InvalidRequest),
        ("tencent", 200, r#"{"Response":{"Error":{"Code":"InternalError","Message":"m"}}}"#, "m", Server),
        ("baidu", 200, r#"{"error_code":4,"error_msg":"m"}"#, "m", RateLimit),
        ("baidu", 200, r#"{"error_code":18,"error_msg":"m"}"#, "m", RateLimit),
        ("baidu", 200, r#"{"error_code":19,"error_msg":"m"}"#, "m", Quota),
        ("baidu", 200, r#"{"error_code":6,"error_msg":"m"}"#, "m", Auth),
        ("baidu", 200, r#"{"error_code":110,"error_msg":"m"}"#, "m", Auth),
        ("baidu", 200, r#"{"error_code":336003,"error_msg":"m"}"#, "m", InvalidRequest),
        ("baidu", 200, r#"{"error_code":336100,"error_msg":"m"}"#, "m", Overloaded),
        ("baidu", 200, r#"{"error_code":336103,"error_msg":"m"}"#, "m", ContextLength),
        ("baidu", 200, r#"{"error_code":336501,"error_msg":"m"}"#, "m", RateLimit),
        ("baidu token", 401, r#"{"error":"invalid_client","error_description":"unknown client id"}"#, "unknown client id", Auth),
        ("dashscope", 401, r#"{"code":"InvalidApiKey","message":"m","request_id":"r"}"#, "m", Auth),
        ("dashscope", 400, r#"{"code":"Arrearage","message":"m"}"#, "m", Quota),
        ("dashscope", 400, r#"{"code":"DataInspectionFailed","message":"m"}"#, "m", ContentFilter),
        ("dashscope", 400, r#"{"code":"data_inspection_failed","message":"m"}"#, "m", ContentFilter),
        ("dashscope", 429, r#"{"code":"Throttling.RateQuota","message":"m"}"#, "m", RateLimit),
        ("dashscope", 403, r#"{"code":"AllocationQuota.FreeTierOnly","message":"m"}"#, "m", Quota),
        ("dashscope", 400, r#"{"code":"InvalidParameter","message":"Range of input length should be [1, 6000]"}"#,
            "Range of input length should be [1, 6000]", ContextLength),
        ("dashscope", 200, r#"{"code":"InvalidParameter","message":"m"}"#, "m", InvalidRequest),
        ("dashscope", 200, r#"{"code":"ModelNotFound","message":"m"}"#, "m", NotFound),
        ("dashscope", 200, r#"{"code":"InternalError.Algo","message":"m"}"#, "m", Server),
        ("dashscope", 200, r#"{"code":"AccessDenied.Unpurchased","message":"m"}"#, "m", Auth),
        ("dashscope", 200, r#"{"code":"RequestTimeOut","message":"m"}"#, "m", Timeout),
        ("coze", 200, r#"{"code":4100,"msg":"m"}"#, "m", Auth),
        ("coze", 200, r#"{"code":4101,"msg":"m"}"#, "m", Auth),
        ("coze", 200, r#"{"code":4028,"msg":"m"}"#, "m", Quota),
        ("coze", 200, r#"{"code":4013,"msg":"m"}"#, "m", RateLimit),
        ("coze", 200, r#"{"code":4000,"msg":"m"}"#, "m", InvalidRequest),
        ("replicate", 402, r#"{"title":"t","detail":"m","status":402,"type":"x"}"#, "m", Quota),
        ("replicate", 401, r#"{"title":"Unauthenticated","detail":"m","status":401}"#, "m", Auth),
        ("replicate", 422, r#"{"title":"t","detail":"m","status":422}"#, "m", InvalidRequest),
        ("replicate", 429, r#"{"title":"t","detail":"m","status":429}"#, "m", RateLimit),
        ("deepl", 456, r#"{"message":"Quota Exceeded"}"#, "Quota Exceeded", Quota),
        ("deepl", 403, r#"{"message":"m"}"#, "m", Auth),
        ("deepl", 429, r#"{"message":"m"}"#, "m", RateLimit),
        ("deepl", 529, r#"{"message":"m"}"#, "m", Overloaded),
        ("stepfun", 451, r#"{"error":{"message":"m","type":"censorship_blocked"}}"#, "m", ContentFilter),
        ("doubao", 400, r#"{"error":{"code":"SensitiveContentDetected","message":"m"}}"#, "m", ContentFilter),
        ("doubao", 200, r#"{"error":{"code":"RateLimitExceeded.EndpointRPMExceeded","message":"m"}}"#, "m", RateLimit),
        ("doubao", 403, r#"{"error":{"code":"AccountOverdueError","message":"m"}}"#, "m", Quota),
    ];
    for (vendor, status, body, message, class) in table {
        let fault = read_fault(*status, body.as_bytes());
        assert_eq!((fault.message.as_str(), fault.class), (*message, *class), "{vendor} {status} {body}");
    }
}

#[test]
fn dead_accounts_are_told_from_the_day_s_limits() {
    let disables =
        |body: &str| super::super::disables_channel(200, &read_fault(200, body.as_bytes())).is_some();
    assert!(disables(r#"{"base_resp":{"status_code":1008,"status_msg":"m"}}"#));
    assert!(!disables(r#"{"error_code":17,"error_msg":"Open api daily request limit reached"}"#));
}

#[test]
fn errors_with_status_200_are_found_and_answers_are_none() {
    for body in [
        r#"{"error":{"message":"m"}}"#,
        r#"[{"error":{"message":"m"}}]"#,
        r#"{"error_code":18,"error_msg":"m"}"#,
        r#"{"Response":{"Error":{"Code":"c","Message":"m"},"RequestId":"r"}}"#,
        r#"{"code":4100,"msg":"m"}"#,
        r#"{"code":"InvalidApiKey","message":"m"}"#,
        r#"{"header":{"code":10013,"message":"m"}}"#,
        "data: {\"header\":{\"code\":0}}\n\ndata: {\"header\":{\"code\":10013,\"message\":\"m\"}}\n\n",
        "event:error\r\ndata:{\"code\":4013,\"msg\":\"m\"}\r\n\r\n",
        r#"{"success":false,"message":"m"}"#,
        r#"{"type":"error","message":"m"}"#,
    ] {
        assert_eq!(hidden(body.as_bytes()).map(|fault| fault.message).as_deref(), Some("m"), "{body}");
    }
    for body in [
        r#"{"choices":[],"code":0,"message":"Success"}"#,
        r#"{"code":"200","message":"ok"}"#,
        r#"{"code":7,"message":"ok","choices":[]}"#,
        r#"{"error":null,"result":"x"}"#,
        r#"{"base_resp":{"status_code":0},"choices":[]}"#,
        r#"{"error_code":0,"result":"x"}"#,
        r#"{"Response":{"Choices":[]}}"#,
        "data: {\"header\":{\"code\":0}}\n\n",
        "[]",
        "rubbish",
    ] {
        assert_eq!(hidden(body.as_bytes()), None, "{body}");
    }
}
