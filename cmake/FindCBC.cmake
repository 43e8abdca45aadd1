# COIN-OR's branch and cut solver with what it stands on, as CBC::CBC.
include(FindPackageHandleStandardArgs)
find_path(CBC_INCLUDE_DIR CbcModel.hpp PATH_SUFFIXES coin coin-or)
set(cbc_libraries)
foreach(name IN ITEMS Cbc Cgl OsiClp Clp Osi CoinUtils)
  find_library(CBC_${name}_LIBRARY ${name})
  mark_as_advanced(CBC_${name}_LIBRARY)
  list(APPEND cbc_libraries ${CBC_${name}_LIBRARY})
endforeach()
mark_as_advanced(CBC_INCLUDE_DIR)
find_package_handle_standard_args(CBC REQUIRED_VARS CBC_Cbc_LIBRARY CBC_Cgl_LIBRARY
  CBC_OsiClp_LIBRARY CBC_Clp_LIBRARY CBC_Osi_LIBRARY CBC_CoinUtils_LIBRARY CBC_INCLUDE_DIR)
if(CBC_FOUND AND NOT TARGET CBC::CBC)
  add_library(CBC::CBC INTERFACE IMPORTED)
  set_target_properties(CBC::CBC PROPERTIES INTERFACE_LINK_LIBRARIES "${cbc_libraries}"
                        INTERFACE_INCLUDE_DIRECTORIES "${CBC_INCLUDE_DIR}")
endif()
