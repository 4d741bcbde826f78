# SPDX-License-Identifier: MIT OR Apache-2.0
# find_package(wasmicro) of an installed one: wasmicro::wasmicro is the static library, wasmicro::shared the other.
get_filename_component(_wasmicro "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET wasmicro::wasmicro)
    add_library(wasmicro::wasmicro STATIC IMPORTED)
    set_target_properties(wasmicro::wasmicro PROPERTIES
        IMPORTED_LOCATION "${_wasmicro}/lib/libwasmicro.a" INTERFACE_INCLUDE_DIRECTORIES "${_wasmicro}/include"
        INTERFACE_LINK_OPTIONS -pthread)
    add_library(wasmicro::shared SHARED IMPORTED)
    set_target_properties(wasmicro::shared PROPERTIES
        IMPORTED_LOCATION "${_wasmicro}/lib/libwasmicro.so" IMPORTED_SONAME libwasmicro.so.0
        INTERFACE_INCLUDE_DIRECTORIES "${_wasmicro}/include")
endif()
unset(_wasmicro)
