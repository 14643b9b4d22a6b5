#![no_main]

magic_fuzz::face_target!(magic_wire::dialect::gemini::Gemini);
