#![no_main]

magic_fuzz::reply_target!(magic_wire::dialect::dashscope::DashScope);
